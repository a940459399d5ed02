"""A stand-in that is deterministic and fast: an embedder without a network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_app.model.card import ModelIdentity
from edge_app.photos.regions import PREPROCESS

SIZE_PX = 32


class FakeEmbedder:
    """An image's colours on a 4 × 4 grid, as a unit vector: similar pictures, similar vectors."""

    threads = 2

    def __init__(self, name: str = "fake") -> None:
        self.identity = ModelIdentity(name, f"{name:0<64}", 48, SIZE_PX, PREPROCESS, "any")
        self.calls = 0

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.calls += len(pixels)
        cells = pixels.reshape(len(pixels), 4, 8, 4, 8, 3).mean(axis=(2, 4)) + 1.0
        vectors: npt.NDArray[np.float32] = cells.reshape(len(pixels), -1).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors
