"""Makes an index of images that nobody took, to measure with where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_app.index.write.batch import Batch, NewImage
from edge_app.index.write.writer import Writer
from edge_app.model.card import ModelIdentity

NO_JPEG = b"\0" * 64  # instead of thumbnails, which nobody looks at
_BATCH_IMAGES = 4096  # each commit waits for the medium; decoding would take far longer than that

_CLUSTER_ROWS = 100
_LATENT = 256  # what varies between photos, the first direction most
_OWN = 0.5  # standard deviation of what each coordinate has to itself
_SHIFT = 0.35  # what a ReLU then cuts off leaves 37 % of the coordinates at zero
_BLOCK_ROWS = 8192


def make_index(index: Path, vectors: NDArray[np.float32], thumbnail: bytes = NO_JPEG) -> None:
    """Commit (n, dim) float32 unit rows as images that nobody took to a new index."""
    identity = ModelIdentity("made-up", "0" * 64, vectors.shape[1], 224, "none", "any")
    with Writer(index, index.with_name("library"), identity) as writer:
        for start in range(0, len(vectors), _BATCH_IMAGES):
            block = vectors[start : start + _BATCH_IMAGES]
            images = [made_up(number, row, thumbnail) for number, row in enumerate(block, start)]
            writer.commit(Batch(images=images))
        writer.finish()


def clustered(rows: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """(rows, dim) float32, unit rows, distributed as real embeddings are: a ReLU of clusters in a
    decaying spectrum.

    Uniformly random vectors would not do: all are equally far apart, so there is nothing to find,
    and an approximate index looks bad on them while a bound on scores looks good.
    The constants were fitted to MobileNetV2's 1280 numbers for 600 flower photos, of this and
    those: cosine of two photos 0.42 and 0.37 (median), 0.64 and 0.64 (1 in 100); of a photo and
    its nearest among 600 0.72 and 0.68; variance in the first 64 directions 76 % and 76 %.
    """
    vectors = np.empty((rows, dim), np.float32)
    start = 0
    for block in clustered_blocks(rows, dim, seed):
        vectors[start : start + len(block)] = block
        start += len(block)
    return vectors


def clustered_blocks(rows: int, dim: int, seed: int = 0) -> Iterator[NDArray[np.float32]]:
    """The same block by block, for more of them than memory holds."""
    rng = np.random.default_rng(seed)
    spectrum = (1 + np.arange(_LATENT)) ** -0.5
    mix = rng.standard_normal((_LATENT, dim)) * (spectrum / np.linalg.norm(spectrum))[:, None]
    centres = rng.standard_normal((max(1, rows // _CLUSTER_ROWS), _LATENT))
    for start in range(0, rows, _BLOCK_ROWS):
        latent = centres[rng.integers(0, len(centres), min(_BLOCK_ROWS, rows - start))]
        latent += rng.standard_normal(latent.shape)
        noise = rng.standard_normal((len(latent), dim))
        values = np.maximum(latent @ mix / np.sqrt(2) + _OWN * noise + _SHIFT, 0)
        yield (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def made_up(number: int, vector: NDArray[np.float32], thumbnail: bytes = NO_JPEG) -> NewImage:
    """An image that nobody took; (dim,) float32 unit vector."""
    return NewImage(
        path=f"{number // 1000}/{number}.jpg",
        size_bytes=4_000_000,
        mtime_ns=number * 10**12,
        content=number.to_bytes(16, "little"),
        width_px=4000,
        height_px=3000,
        format="JPEG",
        taken_at=number * 1000,
        camera=None,
        thumbnail=thumbnail,
        vector=vector,
    )
