"""An index of as many images as wanted, made without decoding or embedding any."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_app.index.write.batch import Batch, NewImage
from edge_app.index.write.writer import Writer
from edge_app.model.card import ModelIdentity
from tools.testing.pictures import SIZES, picture

DIM = 16  # what a search costs is measured elsewhere
MODEL = ModelIdentity("made up", "a" * 64, DIM, 32, "upright-rgb-stretch-1", "any")
THUMBNAILS = 64  # different ones
FIRST_S = 1_262_304_000  # 2010
APART_S = 4000  # between two photos: 100,000 span 12 years
BATCH = 20_000


@cache
def thumbnail(number: int) -> bytes:
    width_px, height_px = SIZES[number % len(SIZES)]
    image = picture(number, width_px, height_px)
    image.thumbnail((320, 320))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()


@contextmanager
def filled(index: Path, root: Path, images: int) -> Iterator[None]:
    """An index of the library at `root`, which holds none of these files. While this is entered
    it stays locked, so that no index run can notice that."""
    vectors = np.random.default_rng(1).standard_normal((images, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with Writer(index, root, MODEL) as writer:
        for start in range(0, images, BATCH):
            numbers = range(start, min(images, start + BATCH))
            writer.commit(Batch(images=[_image(number, vectors[number]) for number in numbers]))
        yield


def _image(number: int, vector: NDArray[np.float32]) -> NewImage:
    width_px, height_px = SIZES[number % len(SIZES)]
    return NewImage(
        path=f"{2010 + number // 8000}/{number % 97:02}/{number:06}.jpg",
        size_bytes=5_000_000,
        mtime_ns=FIRST_S * 10**9,
        content=number.to_bytes(16, "little"),
        width_px=width_px * 8,
        height_px=height_px * 8,
        format="JPEG",
        taken_at=FIRST_S + number * APART_S,
        camera=None,
        thumbnail=thumbnail(number % THUMBNAILS),
        vector=vector,
    )
