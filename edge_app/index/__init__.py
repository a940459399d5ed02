"""Everything known of the photos, on disk: docs/index-format.md."""
