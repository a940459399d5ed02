"""What both towers of a model cost, image and text, in each runtime that is installed.

    for quantize in none dynamic; do
        python convert_model.py --arch tinyclip_vit_8m_16 --weights random --quantize $quantize \\
            --output models/tinyclip-$quantize.tflite
    done
    python -m benchmarks.speed.towers models/tinyclip-*.tflite --write docs/words.md

Random weights of the true shapes will do: neither time nor memory depends on them. Each figure
comes from processes of its own that have loaded no other model: the median processor time of one
image, or one text, at a time on one thread, without decoding, and the memory that the tower added.
Of three rounds over all models the lowest counts, since what else a machine does only adds.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.speed.cost import CONTEXT, Cost, installed
from edge_app.errors import ModelError
from edge_app.model.card import ModelCard
from edge_app.model.embed import Embedder
from edge_app.model.text import TextTower
from tools.report import machine, markdown, private_bytes, publish

TIMED, FIRST = 20, 3  # the first ones touch memory for the first time
ROUNDS = 3
TEXT = "a photo of {} dogs and a red car in the snow"


class Costs(NamedTuple):
    """Of both towers; None where the model has none, or the runtime can't run it."""

    image: Cost | None
    text: Cost | None


def measure_image(model: Path, runtime: str) -> Cost | None:
    """In this process, which has loaded no model before."""
    before = private_bytes()
    try:
        embedder = Embedder(model, threads=1, runtime=runtime)
    except ModelError:
        return None
    size_px = embedder.card.input_size_px
    image = np.random.default_rng(0).integers(0, 256, (1, size_px, size_px, 3), np.uint8)
    return Cost(_median_ms(lambda _: embedder.embed(image)), private_bytes() - before)


def measure_text(model: Path, runtime: str) -> Cost | None:
    """The same of the text tower, its tokenizer included."""
    if ModelCard.load(model).text is None:
        return None
    before = private_bytes()
    tower = TextTower(model, runtime)
    try:
        tower.vector("a photo")
    except ModelError:
        return None
    return Cost(_median_ms(lambda run: tower.vector(TEXT.format(run))), private_bytes() - before)


def _median_ms(work: Callable[[int], object]) -> float:
    times_ms = []
    for run in range(FIRST + TIMED):
        start = time.process_time()
        work(run)
        times_ms.append((time.process_time() - start) * 1e3)
    return statistics.median(times_ms[FIRST:])


def table(models: Sequence[Path], rounds: int = ROUNDS) -> str:
    """One line a model and runtime."""
    measured: dict[tuple[Path, str], list[Costs]] = defaultdict(list)
    with ProcessPoolExecutor(1, CONTEXT, max_tasks_per_child=1) as process:
        for _, model, runtime in itertools.product(range(rounds), models, installed()):
            image = process.submit(measure_image, model, runtime).result()
            text = process.submit(measure_text, model, runtime).result()
            measured[model, runtime].append(Costs(image, text))
    rows = []
    for (model, runtime), costs in measured.items():
        card = ModelCard.load(model)
        if costs[0].image is None:  # this runtime does not know one of its operators
            continue
        rows.append(
            [
                model.stem,
                installed()[runtime],
                _megabytes(model),
                _megabytes(model.with_name(str(card.text["file"]))) if card.text else "",
                *_told([cost.image for cost in costs]),
                *_told([cost.text for cost in costs]),
            ]
        )
    head = ["model", "runtime", "image tower, MB", "text tower, MB", "ms an image"]
    head += ["MB in memory", "ms a text", "MB in memory"]
    return "\n".join([*markdown(head, rows), "", f"Random weights. {machine()}."])


def _megabytes(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:.1f}"


def _told(costs: Sequence[Cost | None]) -> tuple[str, str]:
    known = [cost for cost in costs if cost]
    if not known:
        return "", ""
    ms, memory = min(cost.ms for cost in known), min(cost.memory_bytes for cost in known)
    return f"{ms:.1f}", f"{memory / 1e6:.0f}"


def main() -> None:
    """Measure every model on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.towers", description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    publish("towers", table(options.models), options.write)


if __name__ == "__main__":
    main()
