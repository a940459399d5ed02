"""What decodes previews: as `decode` does, with a thumbnail as large as a screen."""

from __future__ import annotations

from collections.abc import Sequence

from edge_app.config import Limits
from edge_app.photos.children import decode as usual
from edge_app.photos.children.decode import Decoded
from edge_app.photos.regions import Box
from edge_app.photos.thumbnail import PREVIEW


def decode(data: bytes, size_px: int, limits: Limits, boxes: Sequence[Box]) -> Decoded:
    """`Decoded.thumbnail` is the preview."""
    return usual.decode(data, size_px, limits, boxes, PREVIEW)
