"""One byte a coordinate: a quarter-sized copy of the vectors that bounds every score from above.

A row's code is its vector, rotated and rounded to int8. Code and vector are two points on the unit
sphere, `angle` apart, and the triangle inequality for angles bounds the score of any query q:

    q · vector = cos(q, vector) <= cos(max(0, (q, code) - angle))

So a row whose bound is below the k-th best score can't be among the k best, and only the rows above
it need their float32 vectors read: exact search without reading, or holding, the vectors.

The rotation spreads each vector evenly over its coordinates. Rounding is relative to the largest
coordinate, and without the rotation a few large ones would spoil all the others.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_BLOCK_ROWS = 256  # as float32 and 1280 wide this stays in a 2 MB cache: measured best of 16...1024
UNIT_ERROR = 1e-5  # how far from 1 the length of a "unit" vector may be
_EPS = 2.0**-24  # relative rounding error of one float32 operation


def code_bytes(dim: int) -> int:
    """Bytes of one row's code."""
    return _layout(dim).itemsize


def encode(vectors: Floats) -> Bytes:
    """(n, dim) float32, unit rows -> (n, code_bytes(dim)) uint8. The same bytes on every machine
    but for rounding, which the stored angles cover."""
    rows, dim = vectors.shape
    rotated = _rotate(vectors)
    largest = np.abs(rotated).max(axis=1, initial=0.0, keepdims=True)
    codes = np.rint(rotated * (127 / np.where(largest > 0, largest, 1)))
    lengths = np.sqrt((codes**2).sum(axis=1))
    norms = np.sqrt((rotated**2).sum(axis=1))
    units = codes / np.where(lengths > 0, lengths, 1)[:, None]
    # |unit - vector / |vector|| is the chord of the angle; exact where a cosine would cancel.
    chords = np.sqrt(((units - rotated / np.where(norms > 0, norms, 1)[:, None]) ** 2).sum(axis=1))
    angles = 2 * np.arcsin(np.minimum(chords / 2, 1))

    packed = np.zeros(rows, _layout(dim))
    packed["code"] = codes
    packed["scale"] = 1 / np.where(lengths > 0, lengths, 1)
    packed["angle"] = np.where(lengths > 0, angles * (1 + 4 * _EPS), np.pi / 2)
    return packed.view(np.uint8).reshape(rows, code_bytes(dim))


def upper_bounds(codes: Bytes, queries: Floats) -> Floats:
    """(rows, code_bytes) uint8, (n, dim) float32 unit rows -> (n, rows) float32: no row's score
    with a query is above its bound."""
    count, dim = queries.shape
    packed = codes.view(_layout(dim))[:, 0]
    rotated = _rotate(queries).astype(np.float32)
    bounds = np.empty((count, len(packed)), np.float32)
    block = np.empty((_BLOCK_ROWS, dim), np.float32)
    for start in range(0, len(packed), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        part = packed["code"][rows]
        np.copyto(block[: len(part)], part)
        if count == 1:
            np.dot(block[: len(part)], rotated[0], out=bounds[0, rows])
        else:
            bounds[:, rows] = rotated @ block[: len(part)].T
    bounds *= packed["scale"]
    return _raise_by_angle(bounds, packed["angle"], dim)


def _raise_by_angle(cosines: Floats, angles: Floats, dim: int) -> Floats:
    """cos(max(0, arccos(cosine) - angle)), and a little more for what float32 rounds away."""
    # A dot product of dim terms is off by at most dim * eps of the two lengths, in whatever order
    # it was summed (Higham, Accuracy and Stability of Numerical Algorithms, 3.1); the rotated
    # query, the scale and each step below are rounded once more, and both lengths are nearly 1.
    slack = np.float32((dim + 16) * _EPS + 3 * UNIT_ERROR)
    cos, sin = np.cos(angles), np.sin(angles)
    cosines += slack
    np.minimum(cosines, cos, out=cosines)
    sines = np.sqrt(np.maximum(1 - cosines * cosines, 0))
    cosines *= cos
    cosines += sines * sin
    cosines += slack
    return cosines


def _layout(dim: int) -> np.dtype[np.void]:
    padded = -(-dim // 4) * 4  # so that every row's floats are aligned
    return np.dtype(
        {
            "names": ["scale", "angle", "code"],
            "formats": ["<f4", "<f4", ("i1", (dim,))],
            "offsets": [0, 4, 8],
            "itemsize": 8 + padded,
        }
    )


def _rotate(vectors: Floats) -> NDArray[np.float64]:
    """(n, dim) float32 -> (n, dim) float64: signs flipped by a fixed pattern, then a Hadamard
    transform of each group of coordinates. Orthogonal, so scores and lengths stay the same."""
    rows, dim = vectors.shape
    signs, hadamard = _rotation(dim)
    groups = (vectors * signs).reshape(rows, dim // len(hadamard), len(hadamard))
    rotated: NDArray[np.float64] = (groups @ hadamard).reshape(rows, dim)
    return rotated


@lru_cache(maxsize=4)
def _rotation(dim: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(dim,) signs and a (g, g) Hadamard matrix, g the largest power of two that divides dim."""
    size = dim & -dim
    hadamard = np.ones((1, 1))
    while len(hadamard) < size:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    # Part of the index format: a hash's bits stay the same for ever, NumPy's generators may not.
    bits = np.frombuffer(hashlib.shake_128(b"edge_app codes").digest(-(-dim // 8)), np.uint8)
    signs = np.where(np.unpackbits(bits)[:dim], 1.0, -1.0)
    return signs, hadamard / np.sqrt(size)
