"""What the codes say of every score, before any vector is read.

A vector and its code are two directions, `angle` apart; so are a query and its own code. By the
triangle inequality for angles the two codes are at most the two angles further apart than query
and vector are:

    (code, query's code) <= (vector, query) + angle + query's angle

So a row can score t only if the cosine between the codes is at least cos(arccos(t) + both angles).
That cosine is a product of integers times a scale: one multiplication a row. The rows that reach
it for the largest angle of all are then asked for with their own.

Where vectors are few, or the processor has no instructions for int8 and they fit in memory, their
product in float32 is the faster bound: it is off by no more than rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_app import memory
from edge_app.config import MiB
from edge_app.index.format import codes
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.kernels import BAR, Floats, cosines, largest_places, rounding_bound
from edge_app.search.products import instructions, scaled_products

# Vectors that stay in the cache are multiplied in less time than a query's code takes to be made:
# 0.14 ms a search of 1,000 × 1280 against 0.23; at 10,000 it is 1.2 against 0.5.
_SMALL_BYTES = 8 * MiB

Hidden = NDArray[np.bool_]  # (rows,) which are never an answer


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which rows can reach a score, for one query."""

    products: Floats  # (rows,) of the codes, times the row's scale; hidden rows far below the rest
    length: float  # of the query's code: what the products are to be divided by
    angle: float  # between the query and its code
    snapshot: Snapshot
    parts: Floats | None  # (rows,) scores in float32 of the best tile, where tiles count too

    def hide(self, row: int) -> None:
        """Never ask for this row."""
        self.products[row] = -BAR
        if self.parts is not None:
            self.parts[row] = -BAR

    def highest(self, count: int) -> NDArray[np.intp]:
        """(<= count,) the rows that look best, in no order."""
        if self.parts is None:
            return largest_places(self.products, count)
        return largest_places(np.maximum(self.products / self.length, self.parts), count)

    def reaching(self, score: float, known: NDArray[np.intp]) -> NDArray[np.intp]:
        """Every row that may score that much, but for those `known`, and few others; rising."""
        least = np.float32(self._least(score, self.snapshot.angle_max))
        if self.parts is None:
            reached = self.products >= least
            reached[known] = False
            rows = np.flatnonzero(reached)
            return rows[self._reaches(rows, score)]
        tiles_least = np.float32(score - rounding_bound(self.snapshot.vectors.shape[1]))
        reached = (self.products >= least) | (self.parts >= tiles_least)
        reached[known] = False
        rows = np.flatnonzero(reached)
        return rows[self._reaches(rows, score) | (self.parts[rows] >= tiles_least)]

    def _reaches(self, rows: NDArray[np.intp], score: float) -> NDArray[np.bool_]:
        angles = self.snapshot.bounds[rows, 1].astype(np.float64)
        reached: NDArray[np.bool_] = self.products[rows] >= self._least(score, angles)
        return reached

    def _least(self, score: float, angle: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """What the product of a row with that angle is at least if it scores `score`."""
        # Lengths are nearly 1, so a score may be that much above the cosine it stands for.
        apart = np.arccos(np.clip(score - 3 * codes.UNIT_ERROR, -1, 1)) + angle + self.angle
        cosine = np.cos(np.minimum(apart, np.pi))
        least: NDArray[np.float64] = self.length * (
            cosine - rounding_bound(self.snapshot.codes.shape[1])
        )
        return least


@dataclass(frozen=True, slots=True)
class FloatBounds:
    """The same from float32 products of the vectors."""

    scores: Floats  # (rows,) in float32; hidden rows far below the rest
    rounding: float  # by which they may be off

    def hide(self, row: int) -> None:
        """Never ask for this row."""
        self.scores[row] = -BAR

    def highest(self, count: int) -> NDArray[np.intp]:
        """(<= count,) the rows that look best, in no order."""
        return largest_places(self.scores, count)

    def reaching(self, score: float, known: NDArray[np.intp]) -> NDArray[np.intp]:
        """Every row that may score that much, but for those `known`, and few others; rising."""
        # Never down to where the hidden rows are.
        reached = self.scores >= np.float32(max(score - self.rounding, -2))
        reached[known] = False
        return np.flatnonzero(reached)


def bounds_of(
    snapshot: Snapshot, queries: Floats, hidden: Hidden | None, tiles: bool
) -> Sequence[Bounds | FloatBounds]:
    """The bounds of each of (n, dim) float32 unit queries, from one pass."""
    parts = _best_tiles(snapshot, queries) if tiles else None
    if not reads_codes(snapshot):
        scores = cosines(queries, snapshot.vectors)
        if parts is not None:
            np.maximum(scores, parts, out=scores)
        if hidden is not None:
            scores -= hidden * np.float32(BAR)
        return [FloatBounds(row, rounding_bound(queries.shape[1])) for row in scores]
    encoded = codes.encode(queries)
    query_codes = np.ascontiguousarray(encoded.codes[:, : snapshot.codes.shape[1]])
    products = scaled_products(np.asarray(snapshot.codes), snapshot.scales, query_codes)
    if hidden is not None:
        bars = hidden * np.float32(BAR)  # a subtraction is faster than a choice
        products -= bars
        if parts is not None:
            parts -= bars
    return [
        Bounds(row, 1 / scale, angle, snapshot, None if parts is None else parts[number])
        for number, (row, (scale, angle)) in enumerate(
            zip(products, encoded.bounds.tolist(), strict=True)
        )
    ]


def reads_codes(snapshot: Snapshot) -> bool:
    """Whether a search reads the codes of all rows, and not their vectors."""
    size_bytes = snapshot.vectors.nbytes
    if instructions() is None:
        return not fit_in_memory(size_bytes)
    return size_bytes > _SMALL_BYTES


def fit_in_memory(size_bytes: int) -> bool:
    """Whether that much can be read again and again from memory. A fifth is left to everything
    else: a scan of slightly more than fits reads it all from disk."""
    # Asking takes 0.7 ms; this little fits anywhere.
    return size_bytes <= 32 * MiB or size_bytes <= 0.8 * memory.available_bytes()


def _best_tiles(snapshot: Snapshot, queries: Floats) -> Floats:
    """(n, rows) float32: what each row's best tile scores."""
    assert snapshot.tiles is not None
    rows, count, dim = snapshot.tiles.shape
    products = cosines(queries, snapshot.tiles.reshape(rows * count, dim))
    best: Floats = products.reshape(len(queries), rows, count).max(axis=2)
    return best
