"""A decoded file as the model and the index take it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_app.index.write.batch import NewImage
from edge_app.library.scan import FoundFile
from edge_app.photos.children.decode import Decoded
from edge_app.photos.reading.dates import dated


def pixels_of(decoded: Decoded, size_px: int) -> npt.NDArray[np.uint8]:
    """(views, size_px, size_px, 3) uint8 RGB."""
    return np.frombuffer(decoded.views, np.uint8).reshape(-1, size_px, size_px, 3)


def new_image(file: FoundFile, decoded: Decoded, vectors: npt.NDArray[np.float32]) -> NewImage:
    """What the index keeps of a file; (views, dim) float32, unit rows, the whole image first."""
    taken_at, taken_from = dated(decoded.taken_at, decoded.taken_from, file.path)
    return NewImage(
        path=file.path,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        content=decoded.content,
        width_px=decoded.width_px,
        height_px=decoded.height_px,
        format=decoded.format,
        taken_at=taken_at,
        taken_from=taken_from,
        camera=decoded.camera,
        note=decoded.note,
        pattern=decoded.pattern,
        located=decoded.located,
        taken_ms=decoded.taken_ms,
        raws=file.raw_names,
        thumbnail=decoded.thumbnail,
        vector=vectors[0],
        tiles=vectors[1:] if len(vectors) > 1 else None,
        version=file.version,
        mount=file.mount,
    )
