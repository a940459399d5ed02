"""Lets queries that wait at the same time share one pass over the vectors.

A pass keeps all cores and the memory bus busy, so a second one beside it gains nothing; but one
pass for eight queries takes little longer than for one (docs/serving.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors.peaks import Floats
from edge_app.search.vectors.ranking import Asked, Rank, Ranked, queries_of_pass

Query = TypeVar("Query")
Answer = TypeVar("Answer")


@dataclass(eq=False, slots=True)
class _Call(Generic[Query, Answer]):
    kind: Hashable
    queries: Sequence[Query]
    answers: Sequence[Answer] | None = None
    error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.answers is not None or self.error is not None


class SharedPass(Generic[Query, Answer]):
    """One pass at a time, for whoever has waited longest; it takes along all that wait for the same
    kind of it."""

    def __init__(self) -> None:
        self._waiting: list[_Call[Query, Answer]] = []
        self._busy = False
        self._changed = threading.Condition()

    def answer(
        self,
        kind: Hashable,
        queries: Sequence[Query],
        search: Callable[[Sequence[Query]], Sequence[Answer]],
    ) -> Sequence[Answer]:
        """`search(queries)`, or the part for `queries` of a search for more of them.

        `kind`: calls may share a search if theirs are equal. What it raises, all of them get.
        """
        call = _Call[Query, Answer](kind, queries)
        with self._changed:
            self._waiting.append(call)
            self._changed.wait_for(
                lambda: call.done or (not self._busy and self._waiting[0] is call)
            )
            if not call.done:
                self._busy = True
                calls = [other for other in self._waiting if other.kind == kind]
                self._waiting = [other for other in self._waiting if other.kind != kind]
        if not call.done:
            self._search(calls, search)
        if call.error is not None:
            raise call.error
        assert call.answers is not None
        return call.answers

    def _search(
        self,
        calls: list[_Call[Query, Answer]],
        search: Callable[[Sequence[Query]], Sequence[Answer]],
    ) -> None:
        try:
            answers = list(search([query for call in calls for query in call.queries]))
            for call in calls:
                call.answers, answers = answers[: len(call.queries)], answers[len(call.queries) :]
        except BaseException as error:
            for call in calls:
                call.error = error
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()


class _Wanted(NamedTuple):
    query: Floats  # (dim,) float32, unit
    exclude: Collection[int]
    depth: int


class SharedRank:
    """A `Rank` for many threads: only the pass is shared, and waited for. Each thread scores its
    own rows behind it: a thousand take longer than the pass, most of it waiting for Python, and who
    wants twenty waited for them too."""

    def __init__(self, rank: Rank) -> None:
        self._rank = rank
        self._passes = SharedPass[_Wanted, Ranked]()

    def __call__(self, snapshot: Snapshot, asked: Asked, depth: int) -> Iterator[Ranked]:
        def rank(wanted: Sequence[_Wanted]) -> list[Ranked]:
            queries, exclude, depths = zip(*wanted, strict=True)
            together = Asked(np.array(queries), asked.filter, exclude, asked.tiles)
            return list(self._rank(snapshot, together, max(depths)))

        kind = (id(snapshot), asked.filter, asked.tiles)
        exclude = asked.exclude or [()] * len(asked.queries)
        wanted = [_Wanted(q, ids, depth) for q, ids in zip(asked.queries, exclude, strict=True)]
        step = queries_of_pass(snapshot, asked.tiles)
        for start in range(0, len(wanted), step):
            yield from self._passes.answer(kind, wanted[start : start + step], rank)
