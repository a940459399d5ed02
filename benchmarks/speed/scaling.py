"""What a search adds to the bare matrix-vector product, and what many queries or all pairs cost.

    python -m benchmarks.speed.scaling --write docs/search.md

The product and the searches take turns, so that a slow moment of the machine slows all of them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import numpy as np

from benchmarks.speed.larger_than_memory import read_bytes
from edge_app.bench.search import CountingReads
from edge_app.bench.vectors import clustered, make_index
from edge_app.config import MiB
from edge_app.index.read.filters import Filter
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.alike.duplicates import groups, link
from edge_app.search.vectors.exact import similar, similar_many
from edge_app.search.vectors.peaks import Floats
from edge_app.search.vectors.products import kernel
from edge_app.search.vectors.ranking import rank_here
from edge_app.search.vectors.sharedpass import SharedRank
from tools.report import machine, private_bytes, publish
from tools.testing.cgroup import forget

_SIZES = ["1000x1280", "10000x1280", "100000x1280", "100000x256", "1000000x256"]
_K = 50
_TOGETHER = 100
_IN_A_ROW = 10
_CLIENTS = 16
_PAIRS_ROWS = 100_000
_CONTEXT = multiprocessing.get_context("spawn")


def sizes_of(texts: list[str]) -> list[tuple[int, int]]:
    """Rows and dimensions, of texts such as 1000x1280."""
    return [(int(rows), int(dim)) for rows, dim in (text.split("x") for text in texts)]


def median_ms(calls: list[Callable[[], object]], rounds: int, in_a_row: int = 1) -> list[float]:
    """Milliseconds of each call, the median over rounds in which all take turns. A turn begins
    after a pause, as a person's request does, and calls so many times."""
    times: list[list[float]] = [[] for _ in calls]
    pause_s = 0.05  # OpenBLAS's threads go on spinning for 20 ms after a product
    for _ in range(rounds):
        for call, taken in zip(calls, times, strict=True):
            time.sleep(pause_s)
            for _ in range(in_a_row):
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
    shared = SharedRank(rank_here)
    product_ms, plain_ms, filtered_ms, clients_ms = median_ms(
        [
            lambda: vectors @ query,
            lambda: similar(snapshot, query, _K, exclude=[8]),
            lambda: similar(snapshot, query, _K, exclude=[8], filter=half),
            lambda: at_once(snapshot, shared, together[:_CLIENTS]),
        ],
        rounds,
    )
    warm_product_ms, warm_ms = median_ms(
        [lambda: vectors @ query, lambda: similar(snapshot, query, _K, exclude=[8])],
        rounds,
        _IN_A_ROW,
    )
    all_ms, many_ms = median_ms(
        [lambda: multiply(vectors, together), lambda: similar_many(snapshot, together, _K)], 5
    )
    return (
        f"| {len(vectors):,} × {vectors.shape[1]} | {product_ms:.2f} | {plain_ms:.2f} | "
        f"**{plain_ms / product_ms:.2f}** | {warm_ms / warm_product_ms:.2f} | "
        f"{filtered_ms / product_ms:.2f} | "
        f"{many_ms / _TOGETHER:.2f} | {many_ms / all_ms:.2f} | "
        f"{_CLIENTS * product_ms / clients_ms:.1f} | {vectors_read(snapshot, together):.0f} | "
        f"{all_pairs(snapshot)} | "
    )


def multiply(vectors: Floats, queries: Floats) -> None:
    """The float32 products of all, no more of them at a time than a search holds."""
    step = max(1, 64 * MiB // (4 * len(queries)))
    for start in range(0, len(vectors), step):
        queries @ vectors[start : start + step].T


def at_once(snapshot: Snapshot, shared: SharedRank, queries: Floats) -> None:
    """A client for each query, all asking at the same time, sharing passes as in the server."""

    def ask(query: Floats) -> None:
        similar_many(snapshot, query[np.newaxis], _K, rank=shared)

    clients = [Thread(target=ask, args=(query,)) for query in queries]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def touched(index: Path, results: Connection) -> None:
    """Send the bytes that a search reads of an index that is on the disk only, and what it and ten
    more add to the memory of a process beside the page cache: for a process of its own."""
    forget(index)
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        _ = snapshot.angle_max, snapshot.scales  # once for all searches
        queries = np.random.default_rng(1).standard_normal((11, snapshot.vectors.shape[1]))
        queries = np.maximum(queries, 0)
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        before_bytes, own_bytes = read_bytes(), private_bytes()
        for number, query in enumerate(queries.astype(np.float32)):
            similar(snapshot, query, _K)
            if number == 0:
                disk_bytes = read_bytes() - before_bytes
        results.send((disk_bytes, private_bytes() - own_bytes))


def vectors_read(snapshot: Snapshot, queries: Floats) -> float:
    """Vectors read for one query: the median."""
    counting = CountingReads(snapshot)
    counts = []
    for query in queries:
        counting.rows_read = 0
        similar(counting, query, _K)  # type: ignore[arg-type]
        counts.append(counting.rows_read)
    return float(np.median(counts))


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
        f"Milliseconds a query, k = {_K}, every tenth row dead, median of {rounds} rounds, "
        f"{kernel()}. × is by the bare product of the same run: of one query after a pause, of "
        f"{_IN_A_ROW} in a row without one, or of the {_TOGETHER} together. The last but five: "
        f"answers to {_CLIENTS} clients at once in the time of a bare product. The last two: what "
        f"a search reads that finds nothing in the page cache, and what it and ten more add to the "
        f"memory of the process. {machine()}.",
        "",
        f"| rows × dim | `V @ q` | search | × | {_IN_A_ROW} in a row × | with 5 filters × | "
        f"each of {_TOGETHER} together | × | {_CLIENTS} clients | vectors read | all pairs, s | "
        f"MB read by the first | own MB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for rows, dim in sizes:
        with TemporaryDirectory() as folder:
            make_index(Path(folder) / "index", clustered(rows, dim))
            with Reader(Path(folder) / "index") as reader:
                live = np.arange(rows) % 10 > 0
                # Under no name: pages that are mapped stay in the page cache.
                measured = line(replace(reader.snapshot(), live=live), rounds)
            here, there = _CONTEXT.Pipe(duplex=False)
            process = _CONTEXT.Process(target=touched, args=(Path(folder) / "index", there))
            process.start()
            disk_bytes, own_bytes = here.recv()
            process.join()
            lines.append(f"{measured}{disk_bytes / 1e6:.1f} | {own_bytes / 1e6:.1f} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.scaling", description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=_SIZES, metavar="ROWSxDIM")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    publish("scaling", table(sizes_of(options.sizes), options.rounds), options.write)


if __name__ == "__main__":
    main()
