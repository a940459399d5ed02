"""Whose request it is, and what every answer must say."""
