"""The k closest images to a query: exact cosine over every live row, ranked by `ranking`."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from edge_app.errors import UsageError
from edge_app.index.format import codes
from edge_app.index.read.filters import Filter
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors.kernels import fold_groups
from edge_app.search.vectors.peaks import Floats
from edge_app.search.vectors.ranking import Asked, Rank, Ranked, rank_here

K = 20  # matches, unless asked otherwise
K_MAX = 1000
RANKING_MAX = 10_000  # how deep offset + k may go, and a collapsed answer looks


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
    if not length > 1e-6:  # NaN fails too; less comes from rounding
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
    rank: Rank | None = None,
) -> list[list[Match]]:
    """`similar` for each of (n, dim) float32 unit queries, which share passes over the vectors.
    `exclude`, if given, has the ids to leave out for each query. `rank` ranks the rows; unless
    told, this process does."""
    _check(snapshot, queries, k, offset, collapse, tiles)
    asked = Asked(queries, filter or Filter(), exclude, tiles)
    depth = offset + k if collapse is None else 2 * (offset + k)
    answers = []
    for ranked in (rank or rank_here)(snapshot, asked, depth):
        if collapse is None:
            answers.append(_matches(snapshot, ranked, depth)[offset:])
        else:
            answers.append(_collapsed(snapshot, ranked, depth, k, offset, collapse))
    return answers


def _matches(snapshot: Snapshot, ranked: Ranked, depth: int) -> list[Match]:
    rows, scores = ranked.best(depth)
    return list(map(Match, snapshot.ids[rows].tolist(), scores.tolist()))


def _collapsed(
    snapshot: Snapshot, ranked: Ranked, depth: int, k: int, offset: int, threshold: float
) -> list[Match]:
    """Walk down the ranking, folding each row under the best leader it scores `threshold`
    with, or making it a leader, until there is one leader too many."""
    while True:
        rows, scores = ranked.best(depth)
        groups = fold_groups(snapshot.read_rows(rows), offset + k + 1, threshold)
        if len(groups) > offset + k or len(rows) < depth or depth >= RANKING_MAX:
            break
        depth = min(4 * depth, RANKING_MAX)
    ids = snapshot.ids[rows].tolist()
    return [
        Match(ids[leader], float(scores[leader]), tuple(ids[i] for i in folded))
        for leader, *folded in groups[offset : offset + k]
    ]


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
        raise UsageError(
            f"a query of {queries.shape[1]} numbers does not fit {dim} dimensions; make it with "
            "the model that the index was made with"
        )
    exact = queries.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    if not np.abs(lengths - 1).max(initial=0) < codes.UNIT_ERROR:  # NaN fails too
        raise UsageError("a query vector's length is not 1: divide it by its length")
