"""Exact image-similarity search for one small device; see docs/architecture.md."""

VERSION = "1.0.0"
