"""The closest vectors, exactly: one pass over codes, then the survivors."""
