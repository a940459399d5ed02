"""Which requests are answered at once, and which may take seconds: the server treats each in its
own way."""

from __future__ import annotations

from urllib.parse import unquote

from edge_app.api.files.thumbs import is_thumbnail as is_quick

__all__ = ["is_quick", "is_slow"]

# A preview, and a region of a photo, is decoded in a child; an original is read from a drive that
# may be asleep, or far away. Uploads are slow too, as the server knows by itself.
FILES = ("/previews/", "/originals/", "/api/zip")


def is_slow(path: str, query: str) -> bool:
    """Whether this may take seconds, by its path and query string."""
    return path.startswith(FILES) or (path.endswith("/similar") and "box" in unquote(query))
