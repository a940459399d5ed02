"""What a row costs by its dimensions: bytes of the index, and the time of one search.

    python -m benchmarks.finding.dims 1280 512 256 128 --rows 100000

The index is made as any other, of vectors that nobody's photos gave; searches are this project's
own, over vectors in memory and over codes on the medium (docs/search.md).
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from pathlib import Path

from edge_app.bench.search import measure
from edge_app.bench.vectors import clustered, make_index
from edge_app.index.read.reader import Reader
from tools.report import machine, markdown, publish

CONTEXT = multiprocessing.get_context("spawn")


def row(dim: int, rows: int, folder: Path) -> list[str]:
    """One line of the table, from an index of its own."""
    index = folder / str(dim)
    builder = CONTEXT.Process(target=_build, args=(index, rows, dim))
    builder.start()
    builder.join()
    snapshot = Reader(index).snapshot()
    vectors_mb, codes_mb = (part.nbytes / 1e6 for part in (snapshot.vectors, snapshot.codes))
    p50_ms = measure(snapshot).p50_ms
    return [str(dim), f"{vectors_mb:.0f}", f"{codes_mb:.0f}", f"{p50_ms:.1f}"]


def _build(index: Path, rows: int, dim: int) -> None:
    make_index(index, clustered(rows, dim))


def main() -> None:
    """Measure every number of dimensions on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finding.dims", description=__doc__)
    parser.add_argument("dims", nargs="+", type=int, metavar="DIM")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    head = ["dimensions", "vectors, MB", "codes, MB", "ms"]
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(dim, options.rows, Path(folder)) for dim in options.dims]
    table = [*markdown(head, rows), "", f"{options.rows} rows, 20 matches; {machine()}."]
    publish("dims", "\n".join(table), options.write)


if __name__ == "__main__":
    main()
