"""A photo's pattern: 64 bits that stay the same when it is resized, recompressed or recoloured.

A perceptual hash: the signs of the 64 slowest waves (DCT-II) that make up the greys of the photo at
32 × 32. Wave (u, v) has u half periods from top to bottom and v from left to right. Mirroring and
turning a photo negate and swap waves, no more, so the patterns of these follow from this one
(search/alike/patterns.py) and need no room of their own.
"""

from __future__ import annotations

import math
from operator import mul

from PIL import Image, ImageStat
from PIL.Image import Resampling

SIDE_PX = 32
# All waves of 0 < u² + v² <= 72: 64, and (v, u) is one wherever (u, v) is. Of 600 flowers no two
# come within 10 bits of each other, of 30 screenshots of one program none within 6.
WAVES = tuple(
    sorted(
        ((u, v) for u in range(9) for v in range(9) if 0 < u * u + v * v <= 72),
        key=lambda wave: (wave[0] ** 2 + wave[1] ** 2, wave),
    )
)
FLAT = 0  # a photo without a pattern, such as a black frame: it is like all others of these
FLAT_LEVELS = 2.0  # of 255, by which its greys vary at most, as a standard deviation

_COSINES = [
    [math.cos(math.pi * (2 * place + 1) * wave / (2 * SIDE_PX)) for place in range(SIDE_PX)]
    for wave in range(9)
]


def pattern_of(image: Image.Image) -> int:
    """The pattern of an upright image, bit i for wave i, below 2**64; FLAT if it has none."""
    small = image.convert("L").resize((SIDE_PX, SIDE_PX), Resampling.HAMMING)
    if ImageStat.Stat(small).stddev[0] < FLAT_LEVELS:
        return FLAT
    greys = small.tobytes()
    lines = [greys[start : start + SIDE_PX] for start in range(0, len(greys), SIDE_PX)]
    across = [[sum(map(mul, line, cosines)) for line in lines] for cosines in _COSINES]
    bits = 0
    for place, (u, v) in enumerate(WAVES):
        if sum(map(mul, across[v], _COSINES[u])) > 0:
            bits |= 1 << place
    return bits or 1
