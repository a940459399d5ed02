"""What a search adds to the bare matrix-vector product, and what many queries or all pairs cost.

    python -m benchmarks.speed.scaling --write docs/search.md

The product and the searches take turns, so that a slow moment of the machine slows all of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.report import machine, publish
from edge_app.bench.vectors import clustered, make_index
from edge_app.index.read.filters import Filter
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.duplicates import groups, link
from edge_app.search.exact import similar, similar_many

_SIZES = ["1000x1280", "10000x1280", "100000x1280", "100000x256", "1000000x256"]
_K = 50
_TOGETHER = 100
_PAIRS_ROWS = 100_000


def median_ms(calls: list[Callable[[], object]], rounds: int) -> list[float]:
    """Milliseconds of each call, the median over rounds in which all take turns."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            taken.append(1000 * (time.perf_counter() - start))
    return [float(np.median(taken)) for taken in times]


def line(snapshot: Snapshot, rounds: int) -> str:
    """One line of the table."""
    vectors, rng = np.asarray(snapshot.vectors), np.random.default_rng(1)
    query, together = vectors[7].copy(), vectors[rng.integers(0, len(vectors), _TOGETHER)]
    half = Filter(  # of the rows, by four conditions
        taken_from=0,
        taken_to=int(np.median(snapshot.taken_at)),
        formats=frozenset({"JPEG"}),
        orientation="landscape",
        min_score=0.1,
    )
    product_ms, plain_ms, filtered_ms = median_ms(
        [
            lambda: vectors @ query,
            lambda: similar(snapshot, query, _K, exclude=[8]),
            lambda: similar(snapshot, query, _K, exclude=[8], filter=half),
        ],
        rounds,
    )
    (many_ms,) = median_ms([lambda: similar_many(snapshot, together, _K)], 3)
    return (
        f"| {len(vectors):,} × {vectors.shape[1]} | {product_ms:.2f} | {plain_ms:.2f} | "
        f"{filtered_ms:.2f} | {many_ms / _TOGETHER:.2f} | {_TOGETHER * plain_ms / many_ms:.1f} | "
        f"{all_pairs(snapshot)} |"
    )


def all_pairs(snapshot: Snapshot) -> str:
    """Seconds that finding the near-duplicates takes, where that is soon enough to be measured."""
    if snapshot.rows > _PAIRS_ROWS:
        return "–"
    start = time.perf_counter()
    groups(snapshot, link(snapshot, 0.95))
    return f"{time.perf_counter() - start:.1f}"


def table(sizes: list[tuple[int, int]], rounds: int) -> str:
    """Markdown: a line about the run, then one a size."""
    lines = [
        f"Milliseconds a query, k = {_K}, every tenth row dead, median of {rounds} rounds. "
        f"{machine()}.",
        "",
        f"| rows × dim | `V @ q` | search | with 5 filters | each of {_TOGETHER} together | "
        "times faster | all pairs, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for rows, dim in sizes:
        with TemporaryDirectory() as folder:
            make_index(Path(folder) / "index", clustered(rows, dim))
            with Reader(Path(folder) / "index") as reader:
                whole = reader.snapshot()
                lines.append(line(replace(whole, live=np.arange(rows) % 10 > 0), rounds))
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.scaling", description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=_SIZES, metavar="ROWSxDIM")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    sizes = [(int(rows), int(dim)) for rows, dim in (size.split("x") for size in options.sizes)]
    publish("scaling", table(sizes, options.rounds), options.write)


if __name__ == "__main__":
    main()
