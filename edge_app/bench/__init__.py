"""Measures what a device can do."""
