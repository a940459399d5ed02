"""What a machine of a cluster does with its copy of an index: scans ranges of rows for a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from edge_app import VERSION
from edge_app.cluster.failures import Failed, line_of
from edge_app.errors import EdgeAppError, StoreError
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.alike.duplicates import compare_here
from edge_app.search.alike.forest import Forest, Pairs, Rows
from edge_app.search.vectors.ranking import Asked, Ranking, rank_here

T = TypeVar("T")

_KEPT = 2  # snapshots: a server may be one commit behind this machine


class State(NamedTuple):
    """What a machine can search."""

    version: str  # of the program
    digests: tuple[str, ...]  # of its snapshots, the present one last
    rows: int  # of that


class Scanner:
    """One copy of an index. Tasks of its present state and the one before are done."""

    def __init__(self, index: Path) -> None:
        self._reader = Reader(index)
        self._snapshots: dict[str, Snapshot] = {}
        # With what they have worked out.
        self._parts: dict[tuple[str, int, int], Snapshot] = {}
        # A scan keeps all processors busy. A comparison takes minutes: searches go on beside it.
        self.searches = ThreadPoolExecutor(1, "searches")
        self.comparisons = ThreadPoolExecutor(1, "comparisons")
        self.state()  # or the error that it can't be read
        if next(iter(self._snapshots.values())).identity is None:
            self.close()
            raise StoreError(
                f"{index} holds no index; copy it from the machine that serves, such as with: "
                f"rsync -a --delete HOST:index/ {index}/"
            )

    def close(self) -> None:
        self.searches.shutdown(wait=False, cancel_futures=True)
        self.comparisons.shutdown(wait=False, cancel_futures=True)
        self._reader.close()

    def state(self) -> State:
        """Of the newest commit; loads it."""
        snapshot = self._reader.snapshot()
        digest = snapshot.digest
        if next(reversed(self._snapshots), None) != digest:
            self._snapshots.pop(digest, None)
            self._snapshots[digest] = snapshot
            kept = list(self._snapshots)[-_KEPT:]
            self._snapshots = {digest: self._snapshots[digest] for digest in kept}
            self._parts = {key: part for key, part in self._parts.items() if key[0] in kept}
        return State(VERSION, tuple(self._snapshots), snapshot.rows)

    def rank(
        self, digest: str, start: int, stop: int, asked: Asked, depth: int
    ) -> list[Ranking] | None:
        """The best `depth` rows of a range for each query; None without that snapshot."""
        snapshot = self._snapshots.get(digest)
        if snapshot is None:
            return None
        key = digest, start, stop
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = snapshot.between(start, stop)
        return rank_part(part, start, asked, depth)

    def compare(self, digest: str, start: int, stop: int, min_score: float) -> Pairs | None:
        """Pairs that hold together what rows[start:stop] of the live ones score `min_score` with
        among those before them; None without that snapshot."""
        snapshot = self._snapshots.get(digest)
        if snapshot is None:
            return None
        return compare_part(snapshot, np.flatnonzero(snapshot.live), start, stop, min_score)


def rank_part(part: Snapshot, start: int, asked: Asked, depth: int) -> list[Ranking]:
    """The best `depth` rows for each query of a part that begins at row `start` of the whole."""
    found = [ranked.best(depth) for ranked in rank_here(part, asked, depth)]
    return [(rows + start, scores) for rows, scores in found]


def compare_part(snapshot: Snapshot, rows: Rows, start: int, stop: int, min_score: float) -> Pairs:
    """See `Scanner.compare`; of these rows."""
    forest = Forest(snapshot.rows)
    for _ in compare_here(snapshot, rows[:stop], start, min_score, forest):
        pass
    return forest.pairs()


class _Here:
    """The scanner of this process; tasks come without one."""

    scanner: Scanner | None = None


def become(scanner: Scanner) -> None:
    """Make this process's scanner the one that tasks use."""
    _Here.scanner = scanner


async def state() -> State | Failed:
    """Task: see `Scanner.state`."""
    return await _do(lambda scanner: scanner.searches, lambda scanner: scanner.state())


async def rank(
    digest: str, start: int, stop: int, asked: Asked, depth: int
) -> list[Ranking] | Failed | None:
    """Task: see `Scanner.rank`."""
    return await _do(
        lambda scanner: scanner.searches,
        lambda scanner: scanner.rank(digest, start, stop, asked, depth),
    )


async def compare(digest: str, start: int, stop: int, min_score: float) -> Pairs | Failed | None:
    """Task: see `Scanner.compare`."""
    return await _do(
        lambda scanner: scanner.comparisons,
        lambda scanner: scanner.compare(digest, start, stop, min_score),
    )


async def _do(
    where: Callable[[Scanner], ThreadPoolExecutor], what: Callable[[Scanner], T]
) -> T | Failed:
    """In a thread, as the loop of this process keeps the connections alive."""
    scanner = _Here.scanner
    if scanner is None:
        return Failed("it has no copy of an index (worker --index)")
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(where(scanner), what, scanner)
    except (EdgeAppError, OSError, MemoryError) as error:
        return Failed(line_of(error))
