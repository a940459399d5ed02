"""Children that decode, the parent that gives them jobs, and what they run."""
