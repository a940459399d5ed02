"""Everything that a commit returned for survives a power cut."""
