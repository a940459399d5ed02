"""Regions of an image, as fractions of it; the fixed ones that are embedded too with tiles on."""

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

from edge_app.errors import UsageError

# How a region becomes the model's pixels: upright, RGB, stretched to the square, or cut to the one
# in its middle as CLIP was trained. Named in the model card and in the index; another way is
# another name.
PREPROCESS = "upright-rgb-stretch-1"
CROP = "upright-rgb-crop-1"


class Box(NamedTuple):
    """A region, as fractions of the upright image."""

    x: float
    y: float
    w: float
    h: float


def box_of(sides: Iterable[float | str], given: object) -> Box:
    """A box inside the image; UsageError names what was `given` instead."""
    try:
        box = Box(*map(float, sides))
    except (TypeError, ValueError):
        raise UsageError(f"box {given!r} is not four numbers x,y,w,h") from None
    # Browsers round: a box may reach over the edge by less than a pixel of any image we accept.
    over = max(box.x + box.w, box.y + box.h) - 1
    if not (box.x >= 0 and box.y >= 0 and box.w > 0 and box.h > 0 and over <= 1e-6):
        raise UsageError(
            f"box {given!r} is not inside the image: x,y,w,h are fractions of it, from 0 to 1"
        )
    return box


WHOLE = Box(0.0, 0.0, 1.0, 1.0)

# Three by three, each 40 % of a side, the neighbours overlapping by a quarter. Of 150 photos pasted
# into another at 0.4 of its size, this finds 59 % among the first ten; without tiles it is 9 %,
# with five tiles of 60 % 41 %, with sixteen of 33 % 59 % (benchmarks/finding/tiles.py).
TILES = tuple(Box(x, y, 0.4, 0.4) for y, x in product((0.0, 0.3, 0.6), repeat=2))
