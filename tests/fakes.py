"""Stand-ins that are deterministic and fast: an embedder without a network, and small photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

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


def picture(seed: int, width_px: int = 60, height_px: int = 40) -> Image.Image:
    """A picture of smooth colours; each seed another."""
    colours = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((width_px, height_px), Image.Resampling.BICUBIC)


def save(path: Path, seed: int, **size: int) -> Path:
    """Write `picture(seed)`, making folders as needed; the format is the suffix's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed, **size).save(path)
    return path
