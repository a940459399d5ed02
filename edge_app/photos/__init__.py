"""Bytes become upright RGB pixels, a thumbnail and facts, in children that can be killed."""
