"""What multiplies int8 codes: NumKong, SimSIMD and NumPy, and a query rounded once or twice.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.speed.kernels --write docs/search.md

All take turns, so that a slow moment of the machine slows all of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np

from benchmarks.speed.scaling import median_ms
from edge_app.bench.vectors import clustered
from edge_app.index.format import codes
from edge_app.index.format.codes import Codes
from edge_app.memory import default_threads
from edge_app.search.vectors import products
from edge_app.search.vectors.peaks import Floats
from tools.report import machine, markdown, publish

_TOGETHER = (1, 8, 100)


def by_numkong(rows: Codes, scales: Floats, queries: Codes) -> Callable[[], object]:
    """As a search does it."""
    return lambda: products.scaled_products(rows, scales, queries, None)


def by_numpy(rows: Codes, scales: Floats, queries: Codes) -> Callable[[], object]:
    """As a search does it without NumKong."""
    found = np.empty((len(queries), len(rows)), np.float32)
    wide = queries.astype(np.float32)
    return lambda: products._multiply_by_numpy(wide, rows, scales, found)


def by_simsimd(rows: Codes, scales: Floats, queries: Codes) -> Callable[[], object]:
    """Half of the rows in each of two threads, in blocks that stay in the cache."""
    import simsimd

    threads = default_threads()
    found = np.empty((len(queries), len(rows)), np.float32)
    step = len(rows) // threads if len(queries) == 1 else 512

    def part(start: int) -> None:
        for first in range(start, min(start + len(rows) // threads, len(rows)), step):
            some = slice(first, first + step)
            # `out` would spare a copy, but each call with it gives up a reference to None.
            result = simsimd.cdist(queries, rows[some], "dot", out_dtype="f32")
            np.multiply(np.asarray(result), scales[some], out=found[:, some])

    pool = ThreadPoolExecutor(threads)
    starts = range(0, len(rows), -(-len(rows) // threads))
    return lambda: list(pool.map(part, starts))


def vectors_read(vectors: Floats, count: int, k: int) -> tuple[int, int]:
    """Rows whose bound reaches the k-th best score, the median over queries: with a query's code,
    and with a second one for what the first has left over."""
    encoded = codes.encode(vectors)
    units = encoded.codes[:, : vectors.shape[1]].astype(np.float32) * encoded.bounds[:, :1]
    angles, once, twice = encoded.bounds[:, 1], [], []
    for query in vectors[:: len(vectors) // count][:count]:
        scores = vectors @ query
        apart = np.arccos(min(1.0, float(np.partition(scores, -k)[-k])))
        (unit,), ((_, angle),) = units_of(query), codes.encode(query[None]).bounds.tolist()
        once.append(int((units @ unit >= np.cos(apart + angles + angle)).sum()))
        rotated = codes._rotate(query[None])[0].astype(np.float32)
        twice.append(int((units @ rotated >= np.cos(apart + angles)).sum()))
    return int(np.median(once)), int(np.median(twice))


def units_of(query: Floats) -> Floats:
    """(dim,) -> (1, dim): the query's code, at length 1."""
    encoded = codes.encode(query[None])
    scaled = encoded.codes[:, : len(query)] * encoded.bounds[:, :1]
    return cast(Floats, scaled.astype(np.float32))


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.kernels", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    vectors = clustered(options.rows, options.dim)
    encoded = codes.encode(vectors)
    scales = encoded.bounds[:, 0].copy()
    makers = {
        f"{products.kernel()}, int8": by_numkong,
        "SimSIMD, int8": by_simsimd,
        "NumPy, codes in blocks of float32": by_numpy,
    }
    head, columns = ["ms", *(f"{count} at once" for count in _TOGETHER)], []
    for count in _TOGETHER:
        asked = vectors[:count].copy()
        calls: list[Callable[[], object]] = [lambda asked=asked: asked @ vectors.T]  # type: ignore
        calls += [make(encoded.codes, scales, encoded.codes[:count]) for make in makers.values()]
        columns.append(median_ms(calls, options.rounds if count < 100 else 3))
        time.sleep(0.1)
    names = ["NumPy's product of the float32 vectors", *makers]
    lines = [
        [name, *(f"{column[place]:.1f}" for column in columns)] for place, name in enumerate(names)
    ]
    once, twice = vectors_read(vectors, 20, 50)
    text = [
        f"{options.rows:,} × {options.dim}, {default_threads()} threads, median. {machine()}.",
        "",
        *markdown(head, lines),
        "",
        f"Rows whose bound reaches the 50th score, median of 20 queries: {once} with the query "
        f"rounded once, {twice} if it were not rounded at all, which rounding it twice comes near.",
    ]
    publish("kernels", "\n".join(text), options.write)


if __name__ == "__main__":
    main()
