"""Searches one index on the machines of a cluster, each of which has a copy of it.

The rows are split into ranges, one for each machine. Any machine, and this process, can do any
range: what a machine does not answer in time is done by another. So a machine that dies costs time
and never an answer.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, TypeVar

import numpy as np

from edge_app.cluster import scanner
from edge_app.cluster.answers import WrongError, pairs_of, rankings_of
from edge_app.cluster.failures import Failed, line_of
from edge_app.cluster.machines import Machines
from edge_app.errors import ClusterError, StoreError
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.alike.forest import Forest, Pairs, Rows
from edge_app.search.vectors.ranking import Asked, Ranked, Ranking

T = TypeVar("T")
Part = tuple[int, int]  # rows, from the first up to the second

PART_ROWS = 1_000_000  # at most: between two, the time is looked at
_PATIENCE = 5  # a range is given to another machine after this part of the time for the whole
_LOOK_S = 1.0  # between two looks at whether the machines that work are still there
_COMPARED = 8  # parts of a comparison for each machine, so that one that dies loses little


class SearchMachines:
    """Ranks and compares rows with the machines that have the same snapshot; safe to use from
    several threads."""

    def __init__(self, machines: Machines, limit_s: float) -> None:
        self.machines, self._limit_s = machines, limit_s

    def rank(self, snapshot: Snapshot, asked: Asked, depth: int) -> Iterator[Ranked]:
        """`ranking.rank_here`, by many; ClusterError where nobody does it in time."""
        first = self._ranked(snapshot, asked, depth)
        for number, ranking in enumerate(first):
            exclude = asked.exclude[number : number + 1] if asked.exclude else ()
            one = Asked(asked.queries[number : number + 1], asked.filter, exclude, asked.tiles)
            yield _Ranked(self, snapshot, one, depth, ranking)

    def compare(
        self, snapshot: Snapshot, rows: Rows, first_new: int, min_score: float, forest: Forest
    ) -> Iterator[float]:
        """`duplicates.compare_here`, by many. Other pairs hold the same rows together."""
        addresses, digest = self.machines.addresses(snapshot), snapshot.digest
        parts = _triangle(first_new, len(rows), _COMPARED * max(1, len(addresses)))
        shared = _Shared[Pairs](
            self.machines, addresses, parts,
            lambda part: scanner.compare_part(snapshot, rows, *part, min_score),
            lambda part: (scanner.compare, digest, *part, min_score),
            lambda answer, part: pairs_of(answer, snapshot, min_score),
        )  # fmt: skip
        for done, pairs in enumerate(shared.results(), 1):
            forest.join(pairs)
            yield done / len(parts)

    def _ranked(self, snapshot: Snapshot, asked: Asked, depth: int) -> list[Ranking]:
        addresses, digest = self.machines.addresses(snapshot), snapshot.digest
        shared = _Shared[list[Ranking]](
            self.machines, addresses, split(snapshot.rows, len(addresses)),
            lambda part: scanner.rank_part(snapshot.between(*part), part[0], asked, depth),
            lambda part: (scanner.rank, digest, *part, asked, depth),
            lambda answer, part: rankings_of(answer, snapshot, part, asked, depth),
            self._limit_s,
        )  # fmt: skip
        found = list(shared.results())
        return [
            merged(snapshot, [part[number] for part in found], depth)
            for number in range(len(asked.queries))
        ]


@dataclass(slots=True)
class _Ranked:
    """One query's ranking, which is asked for again when it is wanted deeper."""

    _of: SearchMachines
    _snapshot: Snapshot
    _asked: Asked
    _depth: int
    _ranking: Ranking

    def best(self, depth: int) -> Ranking:
        """The `depth` best rows, or all there are."""
        if depth > self._depth and len(self._ranking[0]) == self._depth:
            (self._ranking,) = self._of._ranked(self._snapshot, self._asked, depth)
            self._depth = depth
        rows, scores = self._ranking
        return rows[:depth], scores[:depth]


class _Shared(Generic[T]):
    """Parts that machines and this process do together."""

    def __init__(
        self,
        machines: Machines,
        addresses: list[str],
        parts: list[Part],
        here: Callable[[Part], T],
        task: Callable[[Part], tuple[Any, ...]],
        checked: Callable[[Any, Part], T],
        limit_s: float | None = None,
    ) -> None:
        self._machines, self._here, self._task = machines, here, task
        self._checked = checked  # what a machine answered, or WrongError
        self._limit_s, self._began_s = limit_s, time.monotonic()
        self._waiting = deque(parts)
        self._idle = addresses
        self._working: dict[Future[Any], tuple[str, Part]] = {}
        self._unanswered: dict[str, str] = {}  # why, by the name of the machine

    def results(self) -> Iterator[T]:
        """Each part's, in the order they are done."""
        try:
            while self._waiting or self._working:
                if self._waiting:
                    self._check_time()
                while self._waiting and self._idle:
                    self._give(self._idle.pop(0), self._waiting.popleft())
                if self._working:
                    yield from self._collect()
                else:  # no machine is left
                    yield self._here(self._waiting.popleft())
        finally:
            for future in self._working:
                future.cancel()

    def _give(self, address: str, part: Part) -> None:
        part_s = None if self._limit_s is None else self._limit_s / _PATIENCE
        function, *values = self._task(part)
        future = self._machines.ask(address, function, *values, timeout_s=part_s)
        self._working[future] = address, part

    def _collect(self) -> Iterator[T]:
        done, _ = wait(self._working, _LOOK_S, FIRST_COMPLETED)
        for future in done:
            address, part = self._working.pop(future)
            try:
                answer = future.result()
                if answer is None:
                    raise WrongError("its copy of the index is of another commit")
                if isinstance(answer, Failed):
                    raise WrongError(answer.reason)
                result = self._checked(answer, part)
            except StoreError:  # this machine's own index, by which it checks
                raise
            except Exception as error:  # it has gone, is too slow, or can't be believed
                self._fails(address, part, line_of(error))
                continue
            self._machines.note(address)
            self._idle.append(address)
            yield result
        for future, (address, part) in list(self._working.items()):
            if not self._machines.answers(address):
                del self._working[future]
                future.cancel()
                self._fails(address, part, "it does not answer")

    def _fails(self, address: str, part: Part, reason: str) -> None:
        self._unanswered[self._machines.fails(address, reason)] = reason
        self._waiting.appendleft(part)

    def _check_time(self) -> None:
        """Nothing is begun after the limit."""
        took_s = time.monotonic() - self._began_s
        if self._limit_s is None or took_s <= self._limit_s:
            return
        unfinished = [*self._waiting, *(part for _, part in self._working.values())]
        missing = sum(stop - start for start, stop in unfinished)
        silent = "; ".join(f"{name}: {why}" for name, why in self._unanswered.items())
        raise ClusterError(
            f"{missing} images could not be searched within {self._limit_s:g} s (--cluster-time)"
            + (f": {silent}" if silent else "")
        )


def merged(snapshot: Snapshot, parts: list[Ranking], depth: int) -> Ranking:
    """The `depth` best rows of all parts; equal scores by rising id."""
    rows = np.concatenate([np.zeros(0, np.intp), *(rows for rows, _ in parts)])
    scores = np.concatenate([np.zeros(0), *(scores for _, scores in parts)])
    order = np.lexsort((snapshot.ids[rows], -scores))[:depth]
    return rows[order], scores[order]


def split(rows: int, machines: int) -> list[Part]:
    """Ranges of about the same size, one for each machine, or of `PART_ROWS`; none without rows."""
    count = min(rows, max(1, machines, -(-rows // PART_ROWS)))
    return [(rows * n // count, rows * (n + 1) // count) for n in range(count)]


def _triangle(first: int, rows: int, count: int) -> list[Part]:
    """Ranges of rows, each of which takes as many comparisons with those before it."""
    areas = np.linspace(first**2, rows**2, count + 1)
    ends = np.unique(np.sqrt(areas).round().astype(int)).tolist()
    return list(pairwise(ends))
