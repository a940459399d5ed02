"""Whether several images at a time would be faster than one.

    python -m benchmarks.speed.batches models/mobilenet_v2.tflite

Milliseconds an image, in each runtime that is installed, with one and two threads of its own; of
five rounds the lowest median.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.cost import ROUNDS, installed
from edge_app.model.runtime import RUNTIMES
from tools.report import machine, markdown, publish

BATCHES = (1, 4, 8)
THREADS = (1, 2)
TIMED_IMAGES = 40


def interpreter(runtime: str, model: Path, batch: int, threads: int) -> Any:
    """One that takes `batch` images at a time."""
    module = importlib.import_module(f"{RUNTIMES[runtime]}.interpreter")
    made = module.Interpreter(model_path=str(model), num_threads=threads)
    (source,) = made.get_input_details()
    shape = (batch, *source["shape"][1:])
    made.resize_tensor_input(source["index"], shape)
    made.allocate_tensors()
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(source["dtype"])
    made.set_tensor(source["index"], pixels)
    made.invoke()
    return made


def median_ms(made: Any, batch: int) -> float:
    """Of an image."""
    times_ms = []
    for _ in range(TIMED_IMAGES // batch):
        start = time.perf_counter()
        made.invoke()
        times_ms.append((time.perf_counter() - start) * 1e3 / batch)
    return statistics.median(times_ms)


def table(model: Path, rounds: int = ROUNDS) -> str:
    """One line for a runtime and number of threads."""
    lines = []
    for (runtime, title), threads in itertools.product(installed().items(), THREADS):
        ready = {batch: interpreter(runtime, model, batch, threads) for batch in BATCHES}
        measured = [[median_ms(ready[batch], batch) for batch in BATCHES] for _ in range(rounds)]
        times = [f"{ms:.1f}" for ms in np.min(measured, axis=0)]
        lines.append([title, str(threads), *times])
    head = ["runtime", "threads", *(f"ms an image, {batch} at a time" for batch in BATCHES)]
    return "\n".join([*markdown(head, lines), "", f"{model.stem}; {machine()}."])


def main() -> None:
    """Measure one model."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.batches", description=__doc__)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    publish("batches", table(options.model), options.write)


if __name__ == "__main__":
    main()
