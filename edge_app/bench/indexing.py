"""Measures indexing: a whole run, each of its stages alone, and how well they overlap."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from edge_app.config import Config
from edge_app.errors import DecodeError, EdgeAppError, LibraryError
from edge_app.index.write.batch import Batch
from edge_app.index.write.writer import Writer
from edge_app.indexing.images import new_image
from edge_app.indexing.process import start_index
from edge_app.library.scan import FoundFile, scan
from edge_app.library.sources import rules_of
from edge_app.memory import default_interpreters, default_workers
from edge_app.model.embed import Embedder, pixels_of
from edge_app.model.runtime import installed_runtime
from edge_app.photos.children.decode import decode
from edge_app.photos.regions import TILES, WHOLE

_SAMPLE = 64  # images, spread evenly over the library, that each stage alone is given
_LOOK_S = 0.25  # between two looks at the memory; each takes the kernel 4 ms for 100 MB


@dataclass(frozen=True, slots=True)
class Stage:
    """What one image costs in one stage, alone on the machine and in one thread."""

    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What `measure` found."""

    runtime: str
    cores: int
    workers: int  # decoding processes
    threads: int  # of inference
    images: int
    image_bytes: int  # the mean
    seconds: float  # of the run, from the first file seen to the last commit
    images_per_s: float
    efficiency: float  # CPU time of all stages alone / cores / seconds: 1.0 is perfect overlap
    peak_memory_bytes: int  # of all processes at one time, shared pages counted once (PSS)
    reindex_s: float  # a second run, nothing having changed
    stages: dict[str, Stage]


def measure(config: Config) -> Figures:
    """Index the library of `config` into a new index, twice, and each stage alone before.

    Raises LibraryError where there is no image to measure with.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = replace(config, index=Path(folder) / "index")
        images, stages = _stages(config)
        report, peak_memory_bytes = run_index(config)
        again, _ = run_index(config)
    cores = len(os.sched_getaffinity(0))
    cpu_s = report["added"] * sum(stage.cpu_ms for stage in stages.values()) / 1000
    return Figures(
        runtime=installed_runtime(config.runtime),
        cores=cores,
        workers=config.workers or default_workers(config.limits),
        threads=config.threads or default_interpreters(config.model.stat().st_size),
        images=report["added"],
        image_bytes=sum(file.size_bytes for file in images) // len(images),
        seconds=report["seconds"],
        images_per_s=report["images_per_s"],
        efficiency=cpu_s / cores / report["seconds"],
        peak_memory_bytes=peak_memory_bytes,
        reindex_s=again["seconds"],
        stages=stages,
    )


def text(figures: Figures) -> str:
    """The figures for people."""
    stages = figures.stages | {
        "all": Stage(
            sum(stage.wall_ms for stage in figures.stages.values()),
            sum(stage.cpu_ms for stage in figures.stages.values()),
        )
    }
    return "\n".join(
        [
            f"{figures.images} images of {figures.image_bytes / 1e6:.1f} MB on average, "
            f"{figures.runtime}, {figures.cores} cores, {figures.workers} decoding "
            f"processes, {figures.threads} inference threads",
            "",
            "stage by itself   ms/image   CPU ms/image",
            *(f"{name:10}{s.wall_ms:16.2f}{s.cpu_ms:15.2f}" for name, s in stages.items()),
            "",
            f"images/s       {figures.images_per_s:.1f}, in {figures.seconds:.1f} s",
            f"efficiency     {figures.efficiency:.2f} (CPU time of the stages / cores / time)",
            f"peak memory    {figures.peak_memory_bytes / 1e6:.0f} MB, all processes together",
            f"second run     {figures.reindex_s:.2f} s, with nothing changed",
        ]
    )


# --- each stage alone -----------------------------------------------------------------------------


def _stages(config: Config) -> tuple[list[FoundFile], dict[str, Stage]]:
    """All images, and what one of them costs in each stage, measured on some."""
    root, limits = config.gallery, config.limits
    tiles = TILES if config.tiles else ()
    embedder = Embedder.of(replace(config, threads=1))
    size_px = embedder.card.input_size_px
    with _clock() as scanning:
        files = scan(root, rules_of(config)).files
    sample = [files[place] for place in _spread(len(files), _SAMPLE)]
    decoded = []
    with _clock() as decoding:
        for file in sample:
            with suppress(DecodeError, OSError):
                data = (root / file.path).read_bytes()
                boxes = (WHOLE, *tiles)
                image = decode(data, size_px, limits, boxes, preprocess=embedder.card.preprocess)
                decoded.append((file, image))
    if not decoded:
        raise LibraryError(f"no readable image in {root}; choose another folder with --gallery")
    embedder.embed(pixels_of(decoded[0][1].views, size_px))  # the first is slower
    with _clock() as embedding:
        images = [
            new_image(file, image, embedder.embed(pixels_of(image.views, size_px)))
            for file, image in decoded
        ]
    with (
        tempfile.TemporaryDirectory() as folder,
        Writer(Path(folder) / "index", root, embedder.identity, len(tiles)) as writer,
        _clock() as committing,
    ):
        writer.commit(Batch(images=images))
    return files, {
        "scan": scanning.shared_by(len(files)),
        "decode": decoding.shared_by(len(sample)),
        "embed": embedding.shared_by(len(images)),
        "commit": committing.shared_by(len(images)),
    }


def _spread(length: int, most: int) -> Sequence[int]:
    """Up to `most` places, evenly spread."""
    return range(0, length, max(1, -(-length // most)))


@dataclass(slots=True)
class _Time:
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def shared_by(self, images: int) -> Stage:
        return Stage(1000 * self.wall_s / images, 1000 * self.cpu_s / images)


@contextmanager
def _clock() -> Iterator[_Time]:
    """Measures what happens inside it."""
    time_taken = _Time()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    yield time_taken
    time_taken.wall_s = time.perf_counter() - wall_s
    time_taken.cpu_s = time.process_time() - cpu_s


# --- a whole run ----------------------------------------------------------------------------------


def run_index(config: Config) -> tuple[dict[str, Any], int]:
    """The report of one `index` run in a process of its own, and the peak of its memory in bytes,
    its decoding processes included."""
    with start_index(config) as process, _PeakMemory(process.pid) as memory:
        held, process.stdin = process.stdin, None  # closed, it would end the run
        output, errors = process.communicate()
        if held:
            held.close()
    if process.returncode:
        raise EdgeAppError(errors.strip().removeprefix("error: "))
    return json.loads(output.splitlines()[-1]), memory.peak_bytes


class _PeakMemory:
    """Looks at the memory of a process and all its descendants now and then."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            self.peak_bytes = max(self.peak_bytes, sum(map(_pss_bytes, family(self._pid))))


def family(pid: int) -> list[int]:
    """A process and its descendants, as far as they live."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            # proc_pid_stat(5): the name stands in parentheses and may hold any others.
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


def _pss_bytes(pid: int) -> int:
    """Memory of one process, pages shared with others divided among them."""
    with suppress(OSError):  # it has just ended
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0
