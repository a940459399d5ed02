"""Exact answers: the most similar images, near-duplicates, words."""
