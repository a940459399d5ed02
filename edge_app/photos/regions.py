"""Regions of an image, as fractions of it; the fixed ones that are embedded too with tiles on."""

from itertools import product
from typing import NamedTuple

# How a region becomes the model's pixels: upright, RGB, stretched to the square. Named in the model
# card and in the index; another way is another name.
PREPROCESS = "upright-rgb-stretch-1"


class Box(NamedTuple):
    """A region, as fractions of the upright image."""

    x: float
    y: float
    w: float
    h: float


WHOLE = Box(0.0, 0.0, 1.0, 1.0)

# Three by three, each 40 % of a side, the neighbours overlapping by a quarter. Of 150 photos pasted
# into another at 0.4 of its size, this finds 59 % among the first ten; without tiles it is 9 %,
# with five tiles of 60 % 41 %, with sixteen of 33 % 59 % (benchmarks/finding/tiles.py).
TILES = tuple(Box(x, y, 0.4, 0.4) for y, x in product((0.0, 0.3, 0.6), repeat=2))
