"""Where the time of a search goes: each line does what the one before it does, and more.

    python -m benchmarks.speed.stages --write docs/search.md

The bare product and the stages take turns, so that a slow moment of the machine slows all of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.speed.scaling import median_ms, sizes_of
from edge_app.bench.vectors import clustered, make_index
from edge_app.index.format import codes
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors import products
from edge_app.search.vectors.bounds import bounds_of
from edge_app.search.vectors.exact import similar
from tools.report import machine, markdown, publish

_SIZES = ["100000x1280", "100000x256", "1000000x256"]
_STAGES = ["the kernel alone", "and scales and peaks", "and the query's code", "all of a search"]
_K = 50


def stages(snapshot: Snapshot, rounds: int) -> list[float]:
    """Each stage's time by that of the bare product."""
    vectors, rows = np.asarray(snapshot.vectors), np.asarray(snapshot.codes)
    query = vectors[7].copy()
    asked = np.ascontiguousarray(codes.encode(query[None]).codes[:, : rows.shape[1]])
    scales, unscaled = snapshot.scales, products._multiplier(asked)
    found = np.empty((1, len(rows)), np.float32)

    def multiply(start: int, end: int) -> None:
        unscaled(rows[start:end], scales[:1], found[:, start:end])

    product_ms, *parts_ms = median_ms(
        [
            lambda: vectors @ query,
            lambda: products._share(multiply, *rows.shape),
            lambda: products.scaled_products(rows, scales, asked, None),
            lambda: bounds_of(snapshot, query[None], None, tiles=False),
            lambda: similar(snapshot, query, _K),
        ],
        rounds,
    )
    return [part_ms / product_ms for part_ms in parts_ms]


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.stages", description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=_SIZES, metavar="ROWSxDIM")
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    sizes = sizes_of(options.sizes)
    columns = []
    for rows, dim in sizes:
        with TemporaryDirectory() as folder:
            make_index(Path(folder) / "index", clustered(rows, dim))
            with Reader(Path(folder) / "index") as reader:
                columns.append(stages(reader.snapshot(), options.rounds))
    lines = [
        [name, *(f"{column[place]:.2f}".lstrip("0") for column in columns)]
        for place, name in enumerate(_STAGES)
    ]
    text = [
        f"× the bare product, k = {_K}, median of {options.rounds} rounds, {products.kernel()}. "
        f"Each line with what is above it. {machine()}.",
        "",
        *markdown(["", *(f"{rows:,} × {dim}" for rows, dim in sizes)], lines),
    ]
    publish("stages", "\n".join(text), options.write)


if __name__ == "__main__":
    main()
