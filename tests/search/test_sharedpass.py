"""sharedpass: queries that wait at the same time are answered by one pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from edge_app.index.read.filters import Filter
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors.ranking import Asked, Ranking
from edge_app.search.vectors.sharedpass import SharedPass, SharedRank
from tools.testing.waiting import PATIENCE_S


class Doubling:
    """A search that doubles, notes what it was asked together, and can be held up."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.may_go_on = threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.passes.append(list(numbers))
        self.begun.release()
        assert self.may_go_on.wait(PATIENCE_S)
        if 0 in numbers:
            raise ZeroDivisionError
        return [2 * number for number in numbers]


def wait_for(sharing: SharedPass[int, int], count: int) -> None:
    """Until so many calls are waiting."""
    with sharing._changed:
        while len(sharing._waiting) < count:
            sharing._changed.wait(0.01)


@pytest.fixture
def search() -> Doubling:
    return Doubling()


def test_what_waits_during_a_pass_shares_the_next(search: Doubling) -> None:
    sharing = SharedPass[int, int]()
    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(sharing.answer, "all", [1], search)
        search.begun.acquire()
        others = [threads.submit(sharing.answer, "all", [n, n + 10], search) for n in (2, 3, 4)]
        wait_for(sharing, 3)
        search.may_go_on.set()
        assert first.result() == [2]
        assert [other.result() for other in others] == [[4, 24], [6, 26], [8, 28]]
    assert [len(numbers) for numbers in search.passes] == [1, 6]


def test_different_kinds_take_turns(search: Doubling) -> None:
    sharing = SharedPass[int, int]()
    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(sharing.answer, "all", [1], search)
        search.begun.acquire()
        others = [
            threads.submit(sharing.answer, kind, [2], search) for kind in ("JPEG", "PNG", "JPEG")
        ]
        wait_for(sharing, 3)
        search.may_go_on.set()
        assert first.result() == [2]
        assert [other.result() for other in others] == [[4], [4], [4]]
    assert sorted(len(numbers) for numbers in search.passes) == [1, 1, 2]


def test_whoever_has_waited_longest_goes_first(search: Doubling) -> None:
    sharing = SharedPass[int, int]()
    kinds = [1, 2, 3, 2, 1]
    with ThreadPoolExecutor(6) as threads:
        calls = [threads.submit(sharing.answer, "first", [9], search)]
        search.begun.acquire()
        for count, kind in enumerate(kinds, 1):
            calls.append(threads.submit(sharing.answer, kind, [kind], search))
            wait_for(sharing, count)
        search.may_go_on.set()
        assert [call.result() for call in calls] == [[18], *([2 * kind] for kind in kinds)]
    assert search.passes == [[9], [1, 1], [2, 2], [3]]


def test_an_error_reaches_everyone_of_the_pass_and_nobody_after_it(search: Doubling) -> None:
    sharing = SharedPass[int, int]()
    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(sharing.answer, "all", [1], search)
        search.begun.acquire()
        others = [threads.submit(sharing.answer, "all", [n], search) for n in (0, 5)]
        wait_for(sharing, 2)
        search.may_go_on.set()
        assert first.result() == [2]
        for other in others:
            with pytest.raises(ZeroDivisionError):
                other.result()
    assert sharing.answer("all", [6], search) == [12]


def test_who_wants_few_rows_does_not_wait_for_the_scores_of_who_wants_many() -> None:
    may_score, scoring = threading.Event(), threading.Event()

    class Ranked:
        def best(self, depth: int) -> Ranking:
            if depth > 1:
                scoring.set()
                assert may_score.wait(PATIENCE_S)
            return np.arange(depth), np.zeros(depth)

    passes: list[tuple[int, int]] = []

    def rank(snapshot: Snapshot, asked: Asked, depth: int) -> Iterator[Ranked]:
        passes.append((len(asked.queries), depth))
        yield from (Ranked() for _ in asked.queries)

    shared = SharedRank(rank)
    snapshot = cast(Any, SimpleNamespace(rows=30, tiles=None))

    def rows(queries: int, depth: int) -> list[int]:
        asked = Asked(np.eye(queries, dtype=np.float32), Filter(), (), False)
        return [len(ranked.best(depth)[0]) for ranked in shared(snapshot, asked, depth)]

    with ThreadPoolExecutor() as threads:
        many = threads.submit(rows, 2, 1000)
        assert scoring.wait(PATIENCE_S)
        assert rows(1, 1) == [1]
        may_score.set()
        assert many.result() == [1000, 1000]
    assert passes == [(2, 1000), (1, 1)]
