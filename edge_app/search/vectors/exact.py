"""The k closest images to a query: exact cosine over every live row.

One pass over the int8 codes bounds every score (see `bounds`). The k rows that look best are read
and scored in float64, and then every other row that can reach the k-th of those scores. Whatever is
left out can't belong to the k best, so the answer is that of a brute force in float64.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_app.config import MiB
from edge_app.errors import StoreError, UsageError
from edge_app.index.format import codes
from edge_app.index.read.filters import Filter
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors.bounds import Bounds, FloatBounds, bounds_of
from edge_app.search.vectors.kernels import fold_groups
from edge_app.search.vectors.peaks import Floats

Ranking = tuple[NDArray[np.intp], NDArray[np.float64]]  # rows and their scores, best first

K = 20  # matches, unless asked otherwise
K_MAX = 1000
RANKING_MAX = 10_000  # how deep offset + k may go, and a collapsed answer looks
_PASS_BYTES = 64 * MiB  # what the products of all queries of one pass may take
_EQUAL = 1 - 3 * codes.UNIT_ERROR  # below what a vector equal to the query has as its product
_RESCORE_BYTES = MiB  # of rows as float64 at a time: they stay in the cache


class Match(NamedTuple):
    """One image of an answer. `folded`: its near-duplicates further down the ranking."""

    id: int
    score: float  # cosine, -1...1, higher is closer
    folded: tuple[int, ...] = ()


def combine(likes: Floats, unlikes: Floats, weight: float = 0.5) -> Floats:
    """(n, dim), (m, dim) float32 unit rows -> (dim,) float32 unit query: the mean of `likes` minus
    `weight` times the mean of `unlikes`, scaled back to length 1."""
    if len(likes) == 0:
        raise UsageError("nothing to search for: give at least one image or word")
    if not 0 <= weight < math.inf:  # NaN fails too
        raise UsageError(f"weight {weight} is not a number of 0 or more")
    query = likes.mean(axis=0, dtype=np.float64)
    if len(unlikes):
        unlike = unlikes.mean(axis=0, dtype=np.float64)
        if np.allclose(query, unlike, rtol=0, atol=1e-7):
            raise UsageError("like and unlike are the same images: leave one of them out")
        query -= weight * unlike
    length = math.sqrt(query @ query)
    if not length > 1e-6:  # NaN fails too; less is nothing but rounding
        raise UsageError("like and unlike cancel each other out; change the images or the weight")
    unit: Floats = (query / length).astype(np.float32)
    return unit


def similar(
    snapshot: Snapshot,
    query: Floats,
    k: int,
    *,
    offset: int = 0,
    filter: Filter | None = None,
    exclude: Collection[int] = (),
    collapse: float | None = None,
    tiles: bool = False,
) -> list[Match]:
    """The k best matches of a (dim,) float32 unit query, after the first `offset`: by falling
    score, equal scores by rising id, without the ids in `exclude`.

    With `collapse`, images that score that much with a better match are folded under it.
    With `tiles`, an image scores what the best of its whole and its tiles does.
    """
    (matches,) = similar_many(
        snapshot,
        query[np.newaxis],
        k,
        offset=offset,
        filter=filter,
        exclude=[exclude],
        collapse=collapse,
        tiles=tiles,
    )
    return matches


def similar_many(
    snapshot: Snapshot,
    queries: Floats,
    k: int,
    *,
    offset: int = 0,
    filter: Filter | None = None,
    exclude: Sequence[Collection[int]] = (),
    collapse: float | None = None,
    tiles: bool = False,
) -> list[list[Match]]:
    """`similar` for each of (n, dim) float32 unit queries, which share passes over the vectors.
    `exclude`, if given, has the ids to leave out for each query."""
    filter = filter or Filter()
    _check(snapshot, queries, k, offset, collapse, tiles)
    mask = filter.mask(snapshot)
    wanted = snapshot.live if mask is None else snapshot.live & mask
    hidden = None if mask is None and snapshot.all_live else ~wanted
    parts = 1 + snapshot.tiles.shape[1] if tiles and snapshot.tiles is not None else 1
    bounds_bytes = 4 * snapshot.rows * parts
    per_pass = max(1, _PASS_BYTES // max(1, bounds_bytes))
    answers = []
    for start in range(0, len(queries), per_pass):
        some = queries[start : start + per_pass]
        bounded = bounds_of(snapshot, some, hidden, tiles)
        for number, (query, bounds) in enumerate(zip(some, bounded, strict=True), start):
            for id in exclude[number] if exclude else ():
                if (row := snapshot.find_row(id)) is not None:
                    bounds.products.hide(row)
            search = _Search(snapshot, query, bounds, filter.min_score, tiles)
            if collapse is None:
                answers.append(search.matches(k, offset))
            else:
                answers.append(search.collapsed(k, offset, collapse, RANKING_MAX))
    return answers


@dataclass(frozen=True, slots=True)
class _Search:
    """One query over rows whose scores are bounded."""

    snapshot: Snapshot
    query: Floats
    bounds: Bounds | FloatBounds
    min_score: float | None
    tiles: bool

    def matches(self, k: int, offset: int) -> list[Match]:
        rows, scores = self.best(offset + k)
        ids = self.snapshot.ids[rows].tolist()
        return list(map(Match, ids, scores.tolist()))[offset:]

    def collapsed(self, k: int, offset: int, threshold: float, depth_max: int) -> list[Match]:
        """Walk down the ranking, folding each row under the best leader it scores `threshold`
        with, or making it a leader, until there is one leader too many."""
        depth = 2 * (offset + k)
        while True:
            rows, scores = self.best(depth)
            groups = fold_groups(self.snapshot.read_rows(rows), offset + k + 1, threshold)
            if len(groups) > offset + k or len(rows) < depth or depth >= depth_max:
                break
            depth = min(4 * depth, depth_max)
        ids = self.snapshot.ids[rows].tolist()
        return [
            Match(ids[leader], float(scores[leader]), tuple(ids[i] for i in folded))
            for leader, *folded in groups[offset : offset + k]
        ]

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
        """(n,) float64 scores. Not a matrix product: BLAS may sum the same vector differently in
        another place, and equal vectors must score the same to the last bit.

        A vector equal to the query scores 1, not what its rounded length makes of it: who asks for
        1 wants all copies."""
        query = self.query.astype(np.float64)
        scores = np.empty(len(rows))
        step = max(1, _RESCORE_BYTES // (8 * len(query)))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            vectors = self.bounds.read(rows[part]).astype(np.float64)
            np.einsum("ij,j->i", vectors, query, out=scores[part])
            near = np.flatnonzero(scores[part] > _EQUAL)
            if len(near):
                scores[start + near[(vectors[near] == query).all(axis=1)]] = 1
            if self.tiles:
                assert self.snapshot.tiles is not None
                best = (self.snapshot.tiles[rows[part]] * query).sum(axis=2).max(axis=1)
                np.maximum(scores[part], best, out=scores[part])
        refuse_longer(scores, self.snapshot.ids[rows])
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


def _check(
    snapshot: Snapshot,
    queries: Floats,
    k: int,
    offset: int,
    collapse: float | None,
    tiles: bool,
) -> None:
    if not 1 <= k <= K_MAX:
        raise UsageError(f"k {k} is not between 1 and {K_MAX}")
    if not 0 <= offset <= RANKING_MAX - k:
        raise UsageError(
            f"offset {offset} and k {k} are not within the first {RANKING_MAX} matches"
        )
    if collapse is not None and not 0 < collapse <= 1:  # NaN fails too
        raise UsageError(f"collapse {collapse} is not a score above 0 and at most 1")
    if tiles and snapshot.tiles is None:
        raise UsageError("this index has no tiles; create them with: lookalike index --tiles")
    rows, dim = snapshot.vectors.shape
    if rows > 0 and queries.shape[1] != dim:
        raise UsageError(f"a query of {queries.shape[1]} numbers does not fit {dim} dimensions")
    lengths = np.sqrt((queries.astype(np.float64) ** 2).sum(axis=1))
    if not (np.abs(lengths - 1) < codes.UNIT_ERROR).all():  # NaN fails too
        raise UsageError("a query vector's length is not 1")
