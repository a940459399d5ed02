"""What the codes say of every score, before any vector is read.

A vector and its code are two directions, `angle` apart; so are a query and its own code. By the
triangle inequality for angles the two codes are at most the two angles further apart than query
and vector are:

    (code, query's code) <= (vector, query) + angle + query's angle

So a row can score t only if the cosine between the codes is at least cos(arccos(t) + both angles).
That cosine is a product of integers times a scale: one multiplication a row. The rows that reach
it for the largest angle of all are then asked for with their own.

Where vectors are few, or the processor has no instructions for int8 and they fit in memory, their
product in float32 is the faster bound: it is off by no more than rounding. It also serves tiles,
which have no codes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_app import memory
from edge_app.config import MiB
from edge_app.index.format import codes
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors.kernels import cosines, rounding_bound
from edge_app.search.vectors.peaks import Floats, Hidden, Peaks, Rows, Table
from edge_app.search.vectors.products import instructions, scaled_products

# Vectors that stay in the cache are multiplied in less time than a query's code takes to be made:
# 0.14 ms a search of 1,000 × 1280 against 0.23; at 10,000 it is 1.2 against 0.5.
_SMALL_BYTES = 8 * MiB


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which rows can reach a score, for one query."""

    products: Peaks  # of the codes, times the row's scale
    length: float  # of the query's code: what the products are to be divided by
    angle: float  # between the query and its code
    snapshot: Snapshot

    def reaching(self, score: float) -> Rows:
        """Every row that may score that much, and few others, in no order."""
        # Lengths are nearly 1, so a score may be that much above the cosine it stands for.
        apart = math.acos(min(1.0, max(-1.0, score - 3 * codes.UNIT_ERROR))) + self.angle
        rounding = rounding_bound(self.snapshot.codes.shape[1])
        # A product divided by the length is the cosine between the codes.
        least = math.cos(min(math.pi, apart + self.snapshot.angle_max)) - rounding
        rows = self.products.reaching(self.length * least)
        angles = np.add(self.snapshot.bounds[rows, 1], apart, dtype=np.float64)
        leasts = self.length * (np.cos(np.minimum(angles, math.pi)) - rounding)
        reached: Rows = rows[self.products.values[rows] >= leasts]
        return reached

    def read(self, rows: Rows) -> Floats:
        """(n,) -> (n, dim) their vectors, from the file: nothing else of them is in memory."""
        return self.snapshot.read_rows(rows)


@dataclass(frozen=True, slots=True)
class FloatBounds:
    """The same from float32 products of the vectors."""

    products: Peaks
    rounding: float  # by which they may be off
    snapshot: Snapshot

    def reaching(self, score: float) -> Rows:
        """Every row that may score that much, and few others, in no order."""
        return self.products.reaching(score - self.rounding)

    def read(self, rows: Rows) -> Floats:
        """(n,) -> (n, dim) their vectors, which have just been in use."""
        vectors: Floats = self.snapshot.vectors[rows]
        return vectors


def bounds_of(
    snapshot: Snapshot, queries: Floats, hidden: Hidden | None, tiles: bool
) -> Sequence[Bounds | FloatBounds]:
    """The bounds of each of (n, dim) float32 unit queries, from one pass. Dead rows need not be
    among the hidden ones: they are never found."""
    if tiles or not reads_codes(snapshot):
        table = Table(len(queries), snapshot.rows)
        scores = cosines(queries, snapshot.vectors, out=table.values[:, : snapshot.rows])
        if tiles:
            np.maximum(scores, _best_tiles(snapshot, queries), out=scores)
        if not snapshot.all_live:
            dead = ~snapshot.live
            hidden = dead if hidden is None else hidden | dead
        table.finish(0, snapshot.rows, hidden)
        return [FloatBounds(peaks, rounding_bound(queries.shape[1]), snapshot) for peaks in table]
    encoded = codes.encode(queries)
    query_codes = np.ascontiguousarray(encoded.codes[:, : snapshot.codes.shape[1]])
    table = scaled_products(np.asarray(snapshot.codes), snapshot.scales, query_codes, hidden)
    return [
        Bounds(peaks, 1 / scale, angle, snapshot)
        for peaks, (scale, angle) in zip(table, encoded.bounds.tolist(), strict=True)
    ]


def reads_codes(snapshot: Snapshot) -> bool:
    """Whether a search reads the codes of all rows, and not their vectors."""
    size_bytes = snapshot.vectors.nbytes
    if size_bytes <= _SMALL_BYTES:
        return False
    return instructions() is not None or not fit_in_memory(size_bytes)


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
