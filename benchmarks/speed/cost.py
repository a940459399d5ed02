"""What embedding one image costs with each model, in each runtime that is installed.

    python -m benchmarks.speed.cost models/*.tflite

Each figure comes from processes of its own that have loaded no other model: the median time of one
image at a time on one thread, decoding not included, and the memory that the model added. Of five
rounds over all models the lowest counts, since what else a machine does only adds.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge_app.model.embed import Embedder
from edge_app.model.runtime import RUNTIMES
from tools.report import machine, markdown, private_bytes, publish

CONTEXT = multiprocessing.get_context("spawn")
TIMED_IMAGES = 50
FIRST_IMAGES = 5  # while memory is touched for the first time
ROUNDS = 5


class Cost(NamedTuple):
    """Of one image at a time, on one thread."""

    ms: float
    memory_bytes: int  # that the model added to the process


def measure(model: Path, runtime: str) -> Cost:
    """In this process, which has loaded no model before."""
    before = private_bytes()
    embedder = Embedder(model, threads=1, runtime=runtime)
    size_px = embedder.card.input_size_px
    image = np.random.default_rng(0).integers(0, 256, (1, size_px, size_px, 3), np.uint8)
    times_ms = []
    for _ in range(FIRST_IMAGES + TIMED_IMAGES):
        start = time.perf_counter()
        embedder.embed(image)
        times_ms.append((time.perf_counter() - start) * 1e3)
    return Cost(statistics.median(times_ms[FIRST_IMAGES:]), private_bytes() - before)


def installed() -> dict[str, str]:
    """Name and version of each runtime that is there."""
    found = {}
    for name in RUNTIMES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = f"{name} {metadata.version(name)}"
    return found


def table(models: Sequence[Path], rounds: int = ROUNDS) -> str:
    """One line a model."""
    runtimes = installed()
    measured = defaultdict(list)
    with ProcessPoolExecutor(1, CONTEXT, max_tasks_per_child=1) as process:
        for _, model, runtime in itertools.product(range(rounds), models, runtimes):
            measured[model, runtime].append(process.submit(measure, model, runtime).result())
    rows = []
    for model in models:
        costs = [measured[model, runtime] for runtime in runtimes]
        times = [f"{min(cost.ms for cost in of_one):.1f}" for of_one in costs]
        memory = [f"{min(cost.memory_bytes for cost in of_one) / 1e6:.0f}" for of_one in costs]
        rows.append([model.stem, f"{model.stat().st_size / 1e6:.1f}", *times, *memory])
    head = ["model", "file, MB"]
    head += [
        f"{what}, {runtime}" for what in ("ms", "MB in memory") for runtime in runtimes.values()
    ]
    return "\n".join([*markdown(head, rows), "", f"{machine()}."])


def main() -> None:
    """Measure every model on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.cost", description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    publish("cost", table(options.models), options.write)


if __name__ == "__main__":
    main()
