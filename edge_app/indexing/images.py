"""What the index keeps of a file, from whoever knows it: a decoder, or another index."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_app.index.format.records import ImageRecord
from edge_app.index.write.batch import NewImage
from edge_app.library.scan import FoundFile
from edge_app.photos.children.decode import Decoded
from edge_app.photos.reading.dates import dated


def new_image(file: FoundFile, decoded: Decoded, vectors: npt.NDArray[np.float32]) -> NewImage:
    """A file that was decoded and embedded; (views, dim) float32, unit rows, the whole image
    first."""
    tiles = vectors[1:] if len(vectors) > 1 else None
    return image_from(file, decoded, decoded.thumbnail, vectors[0], tiles)


def image_from(
    file: FoundFile,
    known: Decoded | ImageRecord,
    thumbnail: bytes,
    vector: npt.NDArray[np.float32],
    tiles: npt.NDArray[np.float32] | None,
) -> NewImage:
    """A file with what is known of its content; (dim,) and (T, dim) float32, unit rows."""
    taken_at, taken_from = dated(known.taken_at, known.taken_from, file.path)
    return NewImage(
        path=file.path,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        content=known.content,
        width_px=known.width_px,
        height_px=known.height_px,
        format=known.format,
        taken_at=taken_at,
        taken_from=taken_from,
        camera=known.camera,
        note=known.note,
        pattern=known.pattern,
        located=known.located,
        taken_ms=known.taken_ms,
        thumbnail=thumbnail,
        vector=vector,
        tiles=tiles,
        version=file.version,
        mount=file.mount,
        raws=file.raw_names,
    )
