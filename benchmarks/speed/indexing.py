"""Indexing with each runtime beside the plain way, on the same photos in the same run.

    make model
    python -m benchmarks.speed.indexing --photos FOLDER --write docs/performance.md

Needs both runtimes (tests/requirements.txt) and, for the plain way, an environment with TensorFlow.
Rounds are run in turns and medians taken, so that a busy machine is one for all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from edge_app.bench.indexing import Figures, measure, run_index
from edge_app.bench.photos import make_photos
from edge_app.bench.vectors import made_up
from edge_app.config import Config
from edge_app.index.write.batch import Batch
from edge_app.index.write.writer import Writer
from edge_app.library.scan import scan
from edge_app.model.embed import Embedder
from edge_app.model.runtime import RUNTIMES
from tools.report import machine, publish

ROOT = Path(__file__).parents[2]
UNCHANGED = 100_000
PARTS = ("side by side", "combinations", "unchanged")
COMBINATIONS = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 2))  # decoding processes, inference threads


def plain_images_per_s(photos: Path, python: Path) -> float:
    """The rate of `benchmarks.speed.plain`."""
    done = subprocess.run(
        [python, "-m", "benchmarks.speed.plain", photos],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def typical(rounds: Sequence[Figures]) -> Figures:
    """The round of median rate, with the largest memory of any."""
    ordered = sorted(rounds, key=lambda figures: figures.images_per_s)
    largest = max(figures.peak_memory_bytes for figures in rounds)
    return replace(ordered[len(ordered) // 2], peak_memory_bytes=largest)


def side_by_side(sets: dict[str, Path], config: Config, python: Path, rounds: int) -> str:
    """Rates of the plain way and of both runtimes; and where the time of the latter goes."""
    rates = table("photos", "plain way", *RUNTIMES)
    details = table(
        "photos", "runtime", "decode ms", "embed ms", "commit ms", "efficiency", "peak memory"
    )
    for photos, folder in sets.items():
        plain: list[float] = []
        ours: dict[str, list[Figures]] = {runtime: [] for runtime in RUNTIMES}
        for _ in range(rounds):
            plain.append(plain_images_per_s(folder, python))
            for runtime, found in ours.items():
                found.append(measure(replace(config, gallery=folder, runtime=runtime)))
        base = median(plain)
        cells = []
        for found in ours.values():
            figures = typical(found)
            cells.append(
                f"{figures.images_per_s:.1f}/s, **{figures.images_per_s / base:.1f} times**"
            )
            details += row(
                photos,
                figures.runtime,
                *(f"{figures.stages[name].cpu_ms:.1f}" for name in ("decode", "embed", "commit")),
                f"{figures.efficiency:.2f}",
                f"{figures.peak_memory_bytes / 1e6:.0f} MB",
            )
        rates += row(photos, f"{base:.1f}/s", *cells)
    return f"{rates}\n{details}"


def combinations(sets: dict[str, Path], config: Config) -> str:
    """Images/s by the number of decoding processes and inference threads."""
    names = [f"{workers} + {threads}" for workers, threads in COMBINATIONS]
    lines = table("photos, runtime", *names)
    for photos, folder in sets.items():
        for runtime in RUNTIMES:
            cells = []
            for workers, threads in COMBINATIONS:
                settings = replace(
                    config, gallery=folder, runtime=runtime, workers=workers, threads=threads
                )
                cells.append(f"{fastest(settings):.1f}")
            lines += row(f"{photos}, {runtime}", *cells)
    return lines


def fastest(config: Config, runs: int = 3) -> float:
    """The best rate of some runs."""
    rates: list[float] = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            report, _ = run_index(replace(config, index=Path(folder) / "index"))
            rates.append(report["images_per_s"])
    return max(rates)


def unchanged(config: Config) -> str:
    """How long a run takes that finds 100,000 files as it left them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = replace(config, gallery=folder / "library", index=folder / "index")
        pretend_indexed(config, UNCHANGED)
        times_s, wholes_s = [], []
        for _ in range(3):
            start_s = time.perf_counter()
            report, peak_bytes = run_index(config)
            wholes_s.append(time.perf_counter() - start_s)
            times_s.append(report["seconds"])
            assert report["unchanged"] == UNCHANGED, report
    return table("files", "run", "whole command", "peak memory") + row(
        f"{UNCHANGED:,} unchanged",
        f"{median(times_s):.1f} s",
        f"{median(wholes_s):.1f} s",
        f"{peak_bytes / 1e6:.0f} MB",
    )


def pretend_indexed(config: Config, count: int) -> None:
    """A library of empty files, and an index that takes them for photos it has seen."""
    for number in range(count):
        folder = config.gallery / f"{number // 1000:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:06}.jpg").touch()
    identity = Embedder(config.model).identity
    chance = np.random.default_rng(0)
    files = scan(config.gallery).files
    with Writer(config.index, config.gallery, identity) as writer:
        for start in range(0, count, 4096):
            some = files[start : start + 4096]
            vectors = chance.standard_normal((len(some), identity.dim)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            images = [
                replace(
                    made_up(number, vector),
                    path=file.path,
                    size_bytes=file.size_bytes,
                    mtime_ns=file.mtime_ns,
                )
                for number, (file, vector) in enumerate(zip(some, vectors, strict=True), start)
            ]
            writer.commit(Batch(images=images))
        writer.finish()


def table(*columns: str) -> str:
    """The head of a Markdown table."""
    return row(*columns) + row(*["---"] * len(columns))


def row(*cells: str) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Measure the parts asked for; each goes into its place in the document, or is printed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.indexing", description=__doc__
    )
    parser.add_argument("--photos", type=Path, help="a folder of small photos, measured too")
    parser.add_argument("--count", type=int, default=200, help="photos of 12 megapixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=Path, default=Config().model)
    parser.add_argument("--python", type=Path, default=ROOT / ".venv-build/bin/python")
    parser.add_argument("--write", type=Path, metavar="FILE", help="instead of printing")
    parser.add_argument("--part", nargs="*", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    config = Config(model=options.model)
    with tempfile.TemporaryDirectory() as folder:
        sets = {f"{options.count} of 12 megapixels": Path(folder)}
        if options.part != ["unchanged"]:
            make_photos(Path(folder), options.count)
        if options.photos:
            sets[f"{len(scan(options.photos).files)} small ones"] = options.photos
        parts: dict[str, Callable[[], str]] = {
            "side by side": lambda: side_by_side(sets, config, options.python, options.rounds),
            "combinations": lambda: combinations(sets, config),
            "unchanged": lambda: unchanged(config),
        }
        for part in options.part:
            publish(part, f"{parts[part]()}\n{machine()}", options.write)


if __name__ == "__main__":
    main()
