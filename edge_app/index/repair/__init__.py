"""Finds damage in an index and clears it away."""
