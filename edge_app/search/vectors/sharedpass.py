"""Lets queries that wait at the same time share one pass over the vectors.

A pass keeps all cores and the memory bus busy, so a second one beside it gains nothing; but one
pass for eight queries takes little longer than for one (docs/serving.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

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
