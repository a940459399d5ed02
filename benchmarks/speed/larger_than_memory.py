"""How fast an index is searched that does not fit in memory, each way under the same limit.

    sudo python -m benchmarks.speed.larger_than_memory --write docs/search.md

An index of made-up vectors is searched by a child process in a memory cgroup whose limit, which
counts the page cache too, is half the size of the vectors. Where no cgroup may be made, the bytes
read from the disk by a cold search are what remains to be compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge_app.bench.vectors import clustered, make_index
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors.exact import similar
from edge_app.search.vectors.peaks import Floats
from tools.report import machine, publish
from tools.testing.cgroup import forget, limited, memory_limit

_WARM_UP = 3


def product(snapshot: Snapshot, vector: Floats, k: int) -> list[int]:
    """Every vector read, and multiplied by NumPy."""
    scores = np.asarray(snapshot.vectors) @ vector
    best = np.argpartition(scores, -k)[-k:]
    return snapshot.ids[best[np.argsort(-scores[best])]].tolist()  # type: ignore[no-any-return]


def exact(snapshot: Snapshot, vector: Floats, k: int) -> list[int]:
    """This project's search."""
    return [match.id for match in similar(snapshot, vector, k)]


WAYS: dict[str, Callable[[Snapshot, Floats, int], list[int]]] = {
    "`V @ q` over the mapped vectors": product,
    "**this project**": exact,
}


def read_bytes() -> int:
    """What this process has had read from the disk so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["read_bytes"])


def search(index: Path, way: str, k: int, count: int) -> dict[str, Any]:
    """The child's part: times, bytes from the disk and answers of queries spread over the index."""
    snapshot = Reader(index).snapshot()
    rows = np.linspace(0, snapshot.rows - 1, _WARM_UP + count).astype(np.int64)
    times_ms, disk_bytes, answers = [], [], []
    for vector in snapshot.read_rows(rows):
        before_bytes, start = read_bytes(), time.perf_counter()
        answers.append(WAYS[way](snapshot, vector, k))
        times_ms.append(1000 * (time.perf_counter() - start))
        disk_bytes.append(read_bytes() - before_bytes)
    return {
        "times_ms": times_ms[_WARM_UP:],
        "disk_bytes": disk_bytes[_WARM_UP:],
        "answers": answers,
    }


def table(rows: int, dim: int, k: int, count: int) -> str:
    """Markdown: a line about the run, then one a way."""
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        make_index(index, clustered(rows, dim))
        limit_bytes = rows * dim * 4 // 2
        with memory_limit(limit_bytes) as group:
            under = f"a memory limit of {limit_bytes / 1e6:.0f} MB" if group else "no limit"
            lines = [
                f"{rows:,} × {dim} clustered vectors ({rows * dim * 4 / 1e6:.0f} MB), k = {k}, "
                f"{count} queries after {_WARM_UP} to warm up, {under}. {machine()}.",
                "",
                "| way | p50 ms | p95 ms | MB from disk a query |",
                "|---|---|---|---|",
            ]
            for way in WAYS:
                forget(index)
                own = [sys.executable, "-m", "benchmarks.speed.larger_than_memory"]
                asked = ["--child", way, str(index), "--k", str(k), "--queries", str(count)]
                command = limited(group, *own, *asked)
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                result = json.loads(done.stdout)
                answers.append(result["answers"])
                p50_ms, p95_ms = np.percentile(result["times_ms"], [50, 95])
                disk_mb = np.median(result["disk_bytes"]) / 1e6
                lines.append(f"| {way} | {p50_ms:.0f} | {p95_ms:.0f} | {disk_mb:.1f} |")
    if [set(ids) for ids in answers[0]] != [set(ids) for ids in answers[1]]:
        raise SystemExit("the two ways gave different answers")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.larger_than_memory", description=__doc__
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--write", type=Path, metavar="FILE")
    parser.add_argument("--child", nargs=2, metavar=("WAY", "INDEX"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        way, index = options.child
        print(json.dumps(search(Path(index), way, options.k, options.queries)))
    else:
        publish(
            "larger-than-memory",
            table(options.rows, options.dim, options.k, options.queries),
            options.write,
        )


if __name__ == "__main__":
    main()
