"""The rows of a snapshot in the order of their scores with a query.

One pass over the int8 codes bounds every score (see `bounds`). The rows that look best are read
and scored in float64, and then every other row that can reach the least of those scores. Whatever
is left out can't belong to the best, so the ranking is that of a brute force in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_app.config import MiB
from edge_app.errors import StoreError
from edge_app.index.format import codes
from edge_app.index.read.filters import Filter
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors.bounds import Bounds, FloatBounds, bounds_of
from edge_app.search.vectors.peaks import Floats

Ranking = tuple[NDArray[np.intp], NDArray[np.float64]]  # rows and their scores, best first

_PASS_BYTES = 64 * MiB  # what the products of all queries of one pass may take
_EQUAL = 1 - 3 * codes.UNIT_ERROR  # below what a vector equal to the query has as its product
_RESCORE_BYTES = MiB  # of rows as float64 at a time: they stay in the cache


@dataclass(frozen=True, slots=True)
class Asked:
    """What rows are ranked for."""

    queries: Floats  # (n, dim) float32, unit
    filter: Filter
    exclude: Sequence[Collection[int]]  # ids to leave out for each query, or nothing
    tiles: bool


class Ranked(Protocol):
    """The rows of a snapshot in the order of their scores with one query."""

    def best(self, depth: int) -> Ranking:
        """The `depth` best rows, or all there are; equal scores by rising id."""


# Yields one for each query, in their order. It is told how deep they are asked first.
Rank = Callable[[Snapshot, Asked, int], Iterable[Ranked]]


def rank_here(snapshot: Snapshot, asked: Asked, depth: int) -> Iterator[Ranked]:
    """The ranking of each query, by passes over the vectors in this process."""
    mask = asked.filter.mask(snapshot)
    hidden = None if mask is None else ~mask
    per_pass = queries_of_pass(snapshot, asked.tiles)
    for start in range(0, len(asked.queries), per_pass):
        some = asked.queries[start : start + per_pass]
        bounded = bounds_of(snapshot, some, hidden, asked.tiles)
        for number, (query, bounds) in enumerate(zip(some, bounded, strict=True), start):
            for id in asked.exclude[number] if asked.exclude else ():
                if (row := snapshot.find_row(id)) is not None:
                    bounds.products.hide(row)
            yield _Search(snapshot, query, bounds, asked.filter.min_score, asked.tiles)


def queries_of_pass(snapshot: Snapshot, tiles: bool) -> int:
    """How many queries one pass is for: no more than memory is meant for."""
    parts = 1 + snapshot.tiles.shape[1] if tiles and snapshot.tiles is not None else 1
    return max(1, _PASS_BYTES // max(1, 4 * snapshot.rows * parts))


@dataclass(frozen=True, slots=True)
class _Search:
    """One query over rows whose scores are bounded."""

    snapshot: Snapshot
    query: Floats
    bounds: Bounds | FloatBounds
    min_score: float | None
    tiles: bool

    def best(self, depth: int) -> Ranking:
        """The `depth` best rows, or all there are."""
        floor = -math.inf if self.min_score is None else self.min_score
        rows = self.bounds.products.highest(depth)
        rows.sort()  # so they lie in the file
        scores = self.scores(rows)
        if len(rows) == depth:
            floor = max(floor, float(scores.min()))
        others = self.bounds.reaching(min(floor, _EQUAL))
        others.sort()
        others = others[rows.take(rows.searchsorted(others), mode="clip") != others]
        if len(others):
            rows = np.concatenate([rows, others])
            scores = np.concatenate([scores, self.scores(others)])
        order = np.lexsort((self.snapshot.ids[rows], -scores))
        order = order[scores[order] >= floor][:depth]
        return rows[order], scores[order]

    def scores(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """(n,) float64 scores."""
        read = self.bounds.read
        return exact_scores(self.snapshot, self.query, rows, read, self.tiles)


def exact_scores(
    snapshot: Snapshot,
    query: Floats,
    rows: NDArray[np.intp],
    read: Callable[[NDArray[np.intp]], Floats],
    tiles: bool,
) -> NDArray[np.float64]:
    """(n,) float64 scores of rows, whose vectors `read` gives. Not a matrix product: BLAS may sum
    the same vector differently in another place, and equal vectors must score the same to the last
    bit.

    A vector equal to the query scores 1, not what its rounded length makes of it: who asks for
    1 wants all copies."""
    exact = query.astype(np.float64)
    scores = np.empty(len(rows))
    step = max(1, _RESCORE_BYTES // (8 * len(exact)))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        vectors = read(rows[part]).astype(np.float64)
        np.einsum("ij,j->i", vectors, exact, out=scores[part])
        near = np.flatnonzero(scores[part] > _EQUAL)
        if len(near):
            scores[start + near[(vectors[near] == exact).all(axis=1)]] = 1
        if tiles:
            assert snapshot.tiles is not None
            best = (snapshot.tiles[rows[part]] * exact).sum(axis=2).max(axis=1)
            np.maximum(scores[part], best, out=scores[part])
    refuse_longer(scores, snapshot.ids[rows])
    return scores


def refuse_longer(scores: ArrayLike, ids: Sequence[int] | NDArray[np.int64]) -> None:
    """StoreError if a score can't be one of two vectors of length 1: that image's vector is longer,
    or no number. Its CRC need not tell, which can be made for any vector."""
    fitting = np.abs(np.asarray(scores)) <= codes.SCORE_MAX
    if not fitting.all():
        raise StoreError(
            f"the vector of image {ids[int(fitting.argmin())]} is damaged: its length is not 1; "
            "repair the index with: lookalike check --repair"
        )
