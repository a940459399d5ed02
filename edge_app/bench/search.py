"""Measures searches of an index: how long, how much is read, and whether the answers are exact."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_app.errors import UsageError
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors.bounds import reads_codes
from edge_app.search.vectors.exact import similar
from edge_app.search.vectors.peaks import Floats
from edge_app.search.vectors.products import kernel

_BLOCK_ROWS = 1024  # of the brute force, in float64
_TIE = 1e-12  # scores closer than this differ by the rounding of float64 only


@dataclass(frozen=True, slots=True)
class Figures:
    """What `measure` found."""

    kernel: str  # what multiplied, and with which instructions
    rows: int
    dim: int
    k: int
    queries: int
    p50_ms: float
    p95_ms: float
    bytes_touched: int  # of codes and vectors, by one query: the median
    recall: float  # of the k best by a float64 brute force: 1.0 is exact


def measure(snapshot: Snapshot, k: int = 20, queries: int = 50) -> Figures:
    """Search for images spread evenly over the index, one after another, after one to warm up."""
    if not snapshot.live.any():
        raise UsageError("the index is empty: there is nothing to search")
    rows = np.flatnonzero(snapshot.live)
    rows = rows[np.linspace(0, len(rows) - 1, queries).astype(np.int64)]
    vectors = snapshot.read_rows(rows)
    counting = CountingReads(snapshot)
    scanned = snapshot.codes if reads_codes(snapshot) else snapshot.vectors
    times_ms, touched, found = [], [], []
    similar(snapshot, vectors[0], k)
    for vector in vectors:
        counting.rows_read = 0
        start = time.perf_counter()
        matches = similar(counting, vector, k)  # type: ignore[arg-type]
        times_ms.append(1000 * (time.perf_counter() - start))
        touched.append(scanned.nbytes + counting.rows_read * vector.nbytes)
        found.append([match.id for match in matches])
    return Figures(
        kernel=kernel(),
        rows=int(snapshot.live.sum()),
        dim=vectors.shape[1],
        k=k,
        queries=queries,
        p50_ms=float(np.percentile(times_ms, 50)),
        p95_ms=float(np.percentile(times_ms, 95)),
        bytes_touched=int(np.median(touched)),
        recall=_recall(snapshot, vectors, found, k),
    )


def text(figures: Figures) -> str:
    """The figures for people."""
    return "\n".join(
        [
            f"{figures.rows} rows of {figures.dim} numbers, {figures.queries} queries, "
            f"k {figures.k}, {figures.kernel}",
            "",
            f"{'p50 ms':>8}{'p95 ms':>9}{'MB touched':>13}{'recall':>9}",
            f"{figures.p50_ms:8.1f}{figures.p95_ms:9.1f}"
            f"{figures.bytes_touched / 1e6:13.1f}{figures.recall:9.4f}",
        ]
    )


class CountingReads:
    """A snapshot that counts the rows read from its file."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.rows_read = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._snapshot, name)

    def read_rows(self, rows: NDArray[np.intp]) -> Floats:
        self.rows_read += len(rows)
        return self._snapshot.read_rows(rows)


def _recall(snapshot: Snapshot, queries: Floats, found: list[list[int]], k: int) -> float:
    """The part of the found ids that score as much as the k-th best by brute force, or more."""
    scores = np.empty((len(queries), len(snapshot.ids)))
    wide = queries.astype(np.float64)
    for start in range(0, len(snapshot.ids), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        scores[:, rows] = wide @ snapshot.vectors[rows].astype(np.float64).T
    scores[:, ~snapshot.live] = -np.inf
    wanted = min(k, int(snapshot.live.sum()))
    kth = np.partition(scores, -wanted, axis=1)[:, -wanted] - _TIE
    hits = sum(
        int((scores[query, [snapshot.row_of(id) for id in ids]] >= kth[query]).sum())
        for query, ids in enumerate(found)
    )
    return hits / (wanted * len(queries))
