"""One byte a coordinate: a quarter-sized copy of the vectors, and how far each row of it is off.

A row's code is its vector, rotated and rounded to int8, and padded with zeros so that every row
starts at a multiple of 64 bytes: the width of the widest vector register. Beside it stand two
numbers, its bounds: `scale`, one over the length of the code, and `angle`, the angle between code
and vector. What they are good for is in `search.vectors.bounds`.

The rotation spreads each vector evenly over its coordinates. Rounding is relative to the largest
coordinate, and without the rotation a few large ones would spoil all the others.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]

UNIT_ERROR = 1e-5  # how far from 1 the length of a "unit" vector may be
SCORE_MAX = (1 + UNIT_ERROR) ** 2  # of two of them
_EPS = 2.0**-24  # relative rounding error of one float32 operation
_ALIGNED_BYTES = 64


class Encoded(NamedTuple):
    """What the per-row files of an index hold of some vectors."""

    codes: Codes  # (n, width(dim)) int8
    bounds: Floats  # (n, 2) float32: scale and angle


def width(dim: int) -> int:
    """Bytes of one row's code."""
    return -(-dim // _ALIGNED_BYTES) * _ALIGNED_BYTES


def are_unit(vectors: Floats) -> NDArray[np.bool_]:
    """(…, dim) float32 -> (…): whether each is finite and of length 1. A longer one would rank
    first in every search."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1)
    unit: NDArray[np.bool_] = np.abs(lengths - 1) < UNIT_ERROR  # NaN fails too
    return unit


def encode(vectors: Floats) -> Encoded:
    """(n, dim) float32, unit rows -> codes and bounds. The same bytes on every machine except for
    rounding, which the stored angles cover."""
    rows, dim = vectors.shape
    rotated = _rotate(vectors)
    largest = np.abs(rotated).max(axis=1, initial=0.0, keepdims=True)
    rounded = np.rint(rotated * (127 / np.where(largest > 0, largest, 1)))
    lengths = np.sqrt((rounded**2).sum(axis=1))
    norms = np.sqrt((rotated**2).sum(axis=1))
    units = rounded / np.where(lengths > 0, lengths, 1)[:, None]
    # |unit - vector / |vector|| is the chord of the angle; exact where a cosine would cancel.
    chords = np.sqrt(((units - rotated / np.where(norms > 0, norms, 1)[:, None]) ** 2).sum(axis=1))
    angles = 2 * np.arcsin(np.minimum(chords / 2, 1))

    codes = np.zeros((rows, width(dim)), np.int8)
    codes[:, :dim] = rounded
    bounds = np.empty((rows, 2), np.float32)
    bounds[:, 0] = 1 / np.where(lengths > 0, lengths, 1)
    bounds[:, 1] = np.where(lengths > 0, angles * (1 + 4 * _EPS), np.pi / 2)
    return Encoded(codes, bounds)


def largest_angle(bounds: Floats) -> float:
    """The largest angle; ValueError says that some scale or angle can't be one."""
    if not len(bounds):
        return 0.0
    scales, angles = bounds.T
    # NaN fails each of these; an angle is pi / 2 at most, except for rounding.
    if not (scales.min() > 0 and scales.max() <= 1 and angles.min() >= 0 and angles.max() < 1.6):
        raise ValueError("are damaged")
    return float(angles.max())


def mixed_bytes(dim: int) -> int:
    """Bytes of one row in the first layout of an index: scale, angle and code side by side."""
    return 8 + checked_bytes(dim)


def checked_bytes(dim: int) -> int:
    """How much of a code its CRC covers: all except the padding."""
    return -(-dim // 4) * 4


def split(mixed: NDArray[np.uint8], dim: int) -> Encoded:
    """(n, mixed_bytes(dim)) uint8, rows of the first layout -> views of codes, not padded, and of
    bounds."""
    bounds: NDArray[Any] = mixed[:, :8].view("<f4")
    return Encoded(mixed[:, 8:].view(np.int8), bounds)


def _rotate(vectors: Floats) -> NDArray[np.float64]:
    """(n, dim) float32 -> (n, dim) float64: signs flipped by a fixed pattern, then a Hadamard
    transform of each group of coordinates. Orthogonal, so scores and lengths stay the same."""
    rows, dim = vectors.shape
    signs, left, right = _rotation(dim)
    groups = (vectors * signs).reshape(rows, dim // (len(left) * len(right)), len(left), len(right))
    rotated: NDArray[np.float64] = (left @ groups @ right).reshape(rows, dim)
    return rotated


@lru_cache(maxsize=4)
def _rotation(dim: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(dim,) signs and two Hadamard matrices, whose Kronecker product is the one of size g, the
    largest power of two that divides dim: for 256, an eighth of its multiplications."""
    size = dim & -dim
    # Part of the index format: a hash's bits stay the same for ever, NumPy's generators may not.
    bits = np.frombuffer(hashlib.shake_128(b"edge_app codes").digest(-(-dim // 8)), np.uint8)
    signs = np.where(np.unpackbits(bits)[:dim], 1.0, -1.0) / np.sqrt(size)
    half = 1 << (size.bit_length() // 2)
    return signs, _hadamard(size // half), _hadamard(half)


def _hadamard(size: int) -> NDArray[np.float64]:
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix
