"""Small pictures, each from a number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZES = ((600, 400), (400, 600), (500, 500), (720, 405))  # of photos in a made-up gallery


def picture(seed: int, width_px: int = 60, height_px: int = 40) -> Image.Image:
    """A picture of smooth colours; each seed another."""
    colours = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((width_px, height_px), Image.Resampling.BICUBIC)


def save(path: Path, seed: int, **size: int) -> Path:
    """Write `picture(seed)`, making folders as needed; the format is the suffix's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed, **size).save(path)
    return path
