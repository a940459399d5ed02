"""Whether what a machine answered can be true: memory fails, and programs have faults.

What is checked here is what would harm the index or stop its writer, and what a search would show.
A machine that leaves a good match out is not found out.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    return [
        _ranking_of(one, number, snapshot, part, asked, depth) for number, one in enumerate(answer)
    ]


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


def _ranking_of(
    one: Any, number: int, snapshot: Snapshot, part: tuple[int, int], asked: Asked, depth: int
) -> Ranking:
    try:
        rows, scores = (np.asarray(column) for column in one)
    except (TypeError, ValueError):
        raise WrongError("what it answered is no ranking") from None
    if rows.dtype.kind != "i" or scores.dtype != np.float64 or rows.shape != (len(scores),):
        raise WrongError("what it answered is no ranking")
    start, stop = part
    if len(np.unique(rows)) != len(rows) or ((rows < start) | (rows >= stop)).any():
        raise WrongError("it answered rows that it was not asked for")
    excluded = asked.exclude[number] if asked.exclude else ()
    least = int(np.count_nonzero(snapshot.live[start:stop])) - len(excluded)
    is_short = asked.filter == Filter() and len(rows) < min(depth, least)
    if is_short or len(rows) > depth or not _are_live(rows, snapshot):
        raise WrongError("it answered too few rows, too many, or removed ones")
    order = np.argsort(rows)  # as they lie in the file
    rows, scores = rows[order].astype(np.intp), scores[order]
    own = exact_scores(snapshot, asked.queries[number], rows, snapshot.read_rows, asked.tiles)
    if not (np.abs(own - scores) <= _ROUNDING).all():  # NaN fails too
        raise WrongError("the scores that it answered are not those of its rows")
    return rows, own


def _are_live(rows: NDArray[np.int64], snapshot: Snapshot) -> bool:
    return bool(((rows >= 0) & (rows < snapshot.rows)).all() and snapshot.live[rows].all())
