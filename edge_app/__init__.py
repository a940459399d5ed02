"""Exact image-similarity search for one small device; see docs/architecture.md."""
