"""Builds real indexes of made-up images, so that a benchmark reads what the server would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_app.batch import Batch, NewImage
from edge_app.config import Limits
from edge_app.embed import ModelIdentity
from edge_app.store import Writer

_BATCH_IMAGES = 4096  # each commit waits for the disk; decoding would take far longer than that


def build(index: Path, vectors: NDArray[np.float32]) -> None:
    """Commit (n, dim) float32 unit rows as images to a new index."""
    identity = ModelIdentity("made-up", "0" * 64, vectors.shape[1], 224, "none", "any")
    with Writer(index, index.with_name("library"), identity, Limits()) as writer:
        for start in range(0, len(vectors), _BATCH_IMAGES):
            block = vectors[start : start + _BATCH_IMAGES]
            images = [_image(number, vector) for number, vector in enumerate(block, start)]
            writer.commit(Batch(images=images))
        writer.finish()


def _image(number: int, vector: NDArray[np.float32]) -> NewImage:
    return NewImage(
        path=f"{number // 1000}/{number}.jpg",
        size_bytes=4_000_000,
        mtime_ns=number * 10**12,
        content=number.to_bytes(16, "little"),
        width_px=4000,
        height_px=3000,
        format="JPEG",
        taken_at=None,
        camera=None,
        thumbnail=b"\0" * 64,
        vector=vector,
    )
