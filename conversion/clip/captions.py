"""Whether a converted pair of towers understands: a dozen captions must find the right photos.

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
from edge_app.photos.children.decode import decode
from edge_app.photos.regions import CROP
from tools import scikit

Floats = npt.NDArray[np.float32]
Tower = Callable[[npt.NDArray[Any]], Floats]

# What is asked for, and the photos of tools.scikit that are an answer.
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
# What people photograph and ask for. How high these captions score with the photos of an index says
# which scores of a text are high there (edge_app/search/textscale.py).
_SUBJECTS = (
    "a dog, a cat, a bird, a horse, a child, a baby, a man, a woman, a group of friends, "
    "a family at a table, a wedding, a birthday cake, a beach, the sea, a lake, "
    "mountains, a forest, a garden, flowers, a tree in autumn, snow, a sunset, the night "
    "sky, a city street, a church, an old house, a bridge, a car, a bicycle, a train, a "
    "plane, a boat, a plate of food, a cup of coffee, fruit, a kitchen, a bedroom, a desk "
    "with a computer, a book, a painting, a statue, a concert, a football match, a "
    "swimming pool, a document, a screenshot, a map, a drawing"
)
ORDINARY = tuple(f"a photo of {subject}" for subject in _SUBJECTS.split(", "))
ENOUGH = 10  # of them; by chance it is one


def captions_right(image: Tower, text: Tower, vocab: bytes, shape: Shape) -> list[str]:
    """The captions whose best photo is a right one; EdgeAppError if the photos can't be fetched.

    image, text: (1, …) of one input → (1, dim).
    """
    with tempfile.TemporaryDirectory() as folder:
        scikit.unpack(Path(folder))
        names = sorted(path.name for path in Path(folder).iterdir())
        photos = []
        for name in names:
            views = decode(
                Path(folder, name).read_bytes(), shape.size_px, Limits(), preprocess=CROP
            ).views
            photos.append(np.frombuffer(views, np.uint8).reshape(1, shape.size_px, -1, 3))
    vectors = _units([image(photo.astype(np.float32)) for photo in photos])
    wanted = embed_texts(text, list(CAPTIONS), vocab, shape)
    best = (wanted @ vectors.T).argmax(axis=1)
    return [
        caption
        for (caption, right), place in zip(CAPTIONS.items(), best, strict=True)
        if names[place] in right
    ]


def embed_texts(text: Tower, texts: Sequence[str], vocab: bytes, shape: Shape) -> Floats:
    """(n, dim) float32, unit rows."""
    tokens = Tokenizer(vocab)
    return _units([text(tokens(words, shape.length)[np.newaxis]) for words in texts])


def _units(rows: Sequence[Floats]) -> Floats:
    stacked = np.concatenate(rows).astype(np.float32)
    units: Floats = stacked / np.linalg.norm(stacked, axis=1, keepdims=True)
    return units
