"""Whether what a machine answered can be true: memory fails, and programs have faults.

What is checked here is what would harm the index or stop its writer, and what a search would show.
A good match that a machine leaves out, with a worse one in its place, is not noticed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.cluster.node import Done
from edge_app.errors import DecodeError
from edge_app.index.format.codes import are_unit
from edge_app.index.read.filters import Filter
from edge_app.index.read.snapshot import Snapshot
from edge_app.indexing.stages import Embedded
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.pool import Job, Same
from edge_app.search.alike.forest import Pairs
from edge_app.search.vectors.ranking import Asked, Ranking, exact_scores

_ROUNDING = 1e-9  # another processor sums in another order; 100 times what that is for 1280 numbers
_PAIRS = 1024  # scored at a time


class WrongError(Exception):
    """An answer that can't be true, and why."""


def outcomes_of(answer: Any, jobs: Sequence[Job], dim: int) -> list[Done]:
    """What became of each photo; WrongError."""
    if not isinstance(answer, list) or len(answer) != len(jobs):
        raise WrongError("it answered for other photos than it was asked for")
    for job, outcome in zip(jobs, answer, strict=True):
        if not _is_outcome(outcome, job, dim):
            raise WrongError(f"what it answered for {job.key.path} can't be true")
    return answer


def rankings_of(
    answer: Any, snapshot: Snapshot, part: tuple[int, int], asked: Asked, depth: int
) -> list[Ranking]:
    """The best rows of a part for each query, with scores computed here; WrongError."""
    if not isinstance(answer, list) or len(answer) != len(asked.queries):
        raise WrongError("it answered other queries than it was asked")
    fits = _fitting(snapshot, part, asked.filter)
    rankings = []
    for number, one in enumerate(answer):
        rows, scores = _ranking_of(one)
        left = _without(asked.exclude[number], fits, snapshot, part) if asked.exclude else fits
        _check_rows(rows, left, part[0], depth, asked.filter.min_score)
        order = np.argsort(rows)  # as they lie in the file
        rows, scores = rows[order].astype(np.intp), scores[order]
        own = exact_scores(snapshot, asked.queries[number], rows, snapshot.read_rows, asked.tiles)
        if not (np.abs(own - scores) <= _ROUNDING).all():  # NaN fails too
            raise WrongError("the scores that it answered are not those of its rows")
        rankings.append(_reaching(asked.filter.min_score, rows, own))
    return rankings


def pairs_of(answer: Any, snapshot: Snapshot, min_score: float) -> Pairs:
    """Pairs of rows that are near-duplicates, scored here; WrongError."""
    fits = isinstance(answer, np.ndarray) and answer.dtype == np.int64
    if not fits or answer.shape != (len(answer), 2) or not _are_live(answer, snapshot):
        raise WrongError("the pairs that it answered are none of this index")
    for start in range(0, len(answer), _PAIRS):
        one, other = snapshot.vectors[answer[start : start + _PAIRS].T].astype(np.float64)
        if not (np.einsum("ij,ij->i", one, other) >= min_score - _ROUNDING).all():
            raise WrongError("pairs that it answered are no near-duplicates")
    pairs: Pairs = answer
    return pairs


def _is_outcome(outcome: object, job: Job, dim: int) -> bool:
    if isinstance(outcome, Embedded):
        vectors, decoded = outcome.vectors, outcome.decoded
        return (
            isinstance(vectors, np.ndarray)
            and vectors.dtype == np.float32
            and vectors.shape == (len(job.boxes), dim)
            and bool(are_unit(vectors).all())
            and isinstance(decoded, Decoded)
            and len(decoded.content) == 16
            and len(decoded.thumbnail) > 0
            and min(decoded.width_px, decoded.height_px) > 0
        )
    if isinstance(outcome, Same):
        return job.known is not None
    return outcome is None or isinstance(outcome, DecodeError)


def _fitting(snapshot: Snapshot, part: tuple[int, int], filter: Filter) -> NDArray[np.bool_]:
    """(rows of the part,) whether a row may be answered."""
    of_part = snapshot.between(*part)
    mask = filter.mask(of_part)
    return of_part.live if mask is None else of_part.live & mask


def _without(
    ids: Collection[int], fits: NDArray[np.bool_], snapshot: Snapshot, part: tuple[int, int]
) -> NDArray[np.bool_]:
    """The same without these images."""
    rows = [snapshot.find_row(id) for id in ids]
    places = [row - part[0] for row in rows if row is not None and part[0] <= row < part[1]]
    if places:
        fits = fits.copy()
        fits[places] = False
    return fits


def _ranking_of(one: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows and scores, whatever they are."""
    try:
        rows, scores = (np.asarray(column) for column in one)
    except (TypeError, ValueError):
        raise WrongError("what it answered is no ranking") from None
    if rows.dtype.kind != "i" or scores.dtype != np.float64 or rows.shape != (len(scores),):
        raise WrongError("what it answered is no ranking")
    return rows, scores


def _check_rows(
    rows: NDArray[np.int64],
    fits: NDArray[np.bool_],
    start: int,
    depth: int,
    min_score: float | None,
) -> None:
    """As many as there are, each once and one that fits; fewer only where a score is asked for."""
    places = rows - start
    if len(np.unique(rows)) != len(rows) or ((places < 0) | (places >= len(fits))).any():
        raise WrongError("it answered rows that it was not asked for")
    if not fits[places].all():
        raise WrongError("it answered removed rows, or such as do not fit the filter")
    expected = min(depth, int(np.count_nonzero(fits)))
    if len(rows) > expected or (min_score is None and len(rows) < expected):
        raise WrongError("it answered too few rows or too many")


def _reaching(
    min_score: float | None, rows: NDArray[np.intp], scores: NDArray[np.float64]
) -> Ranking:
    """Those that score so much here: there it may have been a last bit more."""
    if min_score is None:
        return rows, scores
    if not (scores >= min_score - _ROUNDING).all():
        raise WrongError("it answered rows whose scores are too low")
    reaching = scores >= min_score
    return rows[reaching], scores[reaching]


def _are_live(rows: NDArray[np.int64], snapshot: Snapshot) -> bool:
    return bool(((rows >= 0) & (rows < snapshot.rows)).all() and snapshot.live[rows].all())
