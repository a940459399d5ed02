"""Whether a converted pair of towers understands: a dozen captions must find the sample photos.

What it takes is what the device does, up to the cosine: so it also notices wrong pixels, a wrong
activation or a vocabulary that belongs to another network.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.clip.shapes import Shape
from edge_app.config import Limits
from edge_app.model.tokenizer import Tokenizer
from edge_app.photos.decode import decode
from edge_app.photos.regions import CROP
from tools import samples

Floats = npt.NDArray[np.float32]
Tower = Callable[[npt.NDArray[Any]], Floats]

# What is asked for, and the photos of tools.samples that are an answer.
CAPTIONS = {
    "a woman in an orange space suit": ("astronaut.png",),
    "a brick wall": ("brick.png",),
    "a man with a camera on a tripod": ("camera.png",),
    "a cat": ("chelsea.png",),
    "a cup of coffee": ("coffee.png",),
    "old coins": ("coins.png",),
    "grass": ("grass.png",),
    "galaxies in deep space": ("hubble_deep_field.jpg",),
    "craters on the surface of the moon": ("moon.png",),
    "a motorcycle": ("motorcycle_left.png", "motorcycle_right.png"),
    "the retina of an eye": ("retina.jpg",),
    "the launch of a rocket": ("rocket.jpg",),
}
ENOUGH = 10  # of them; by chance it is one


def captions_right(image: Tower, text: Tower, vocab: bytes, shape: Shape) -> list[str]:
    """The captions whose best photo is a right one; EdgeAppError if the photos can't be fetched.

    image, text: (1, …) of one input → (1, dim).
    """
    with tempfile.TemporaryDirectory() as folder:
        samples.unpack(Path(folder))
        names = sorted(path.name for path in Path(folder).iterdir())
        photos = []
        for name in names:
            views = decode(
                Path(folder, name).read_bytes(), shape.size_px, Limits(), preprocess=CROP
            ).views
            photos.append(np.frombuffer(views, np.uint8).reshape(1, shape.size_px, -1, 3))
    tokens = Tokenizer(vocab)
    vectors = _units([image(photo.astype(np.float32)) for photo in photos])
    wanted = _units([text(tokens(caption, shape.length)[np.newaxis]) for caption in CAPTIONS])
    best = (wanted @ vectors.T).argmax(axis=1)
    return [
        caption
        for (caption, right), place in zip(CAPTIONS.items(), best, strict=True)
        if names[place] in right
    ]


def _units(rows: Sequence[Floats]) -> Floats:
    stacked = np.concatenate(rows).astype(np.float32)
    units: Floats = stacked / np.linalg.norm(stacked, axis=1, keepdims=True)
    return units
