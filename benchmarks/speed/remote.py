"""How fast photos of another machine are read and indexed, beside the same photos in a folder.

    python -m benchmarks.speed.remote PHOTOS [--write docs/remote.md]

Serves PHOTOS, and photos of 12 megapixels that it makes, with rclone on loopback as S3 and WebDAV.
Measured are whole index runs with the real model, which take turns, and reads with every round trip
delayed, one at a time and many ahead. The index runs have one core and the servers the others, as
if these were on another machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from edge_app.bench.photos import make_photos
from edge_app.config import Config, Limits, Place
from edge_app.indexing import reading
from edge_app.indexing.reading import Reads
from edge_app.indexing.run import run_index
from edge_app.library.remote.source import Remote
from edge_app.library.rules import Rules
from edge_app.photos.children.pool import DecodePool, Job, Outcome, Same
from tools.report import machine, markdown, publish
from tools.testing.delay import delayed
from tools.testing.rclone import Served, serving, write_config

_KINDS = {"s3": "S3", "webdav": "WebDAV"}
_LARGE_PX = (4000, 3000)

Row = list[str]


class _Nothing(DecodePool):
    """Takes jobs as a pool does, and does nothing with them."""

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        return ((job, Same()) for job in jobs)


def reads_per_s(source: Remote, count: int, ahead: int) -> float:
    """Objects read in a second, so many at a time."""
    files = source.scan().files[:count]
    before, reading.AHEAD = reading.AHEAD, ahead
    try:
        start = time.perf_counter()
        pool = _Nothing(1, Limits(), 1)
        outcomes = Reads(source, Limits(), {}).outcomes(pool, files, Job)
        done = sum(1 for _ in outcomes)
        assert done == len(files)
        return done / (time.perf_counter() - start)
    finally:
        reading.AHEAD = before


def delayed_reads(place: Path, count: int, delay_s: float) -> str:
    """A sentence of how much reading ahead gains where every round trip takes so long."""
    with (
        serving("s3", place / "photos", place / "delayed", watched=False) as s3,
        delayed(s3.port, delay_s) as port,
    ):
        slow = write_config("s3", port, place, s3.log)
        source = Remote(slow.url, slow.config, Rules())
        alone = reads_per_s(source, 60, 1)
        ahead = reads_per_s(source, count, reading.AHEAD)
    return (
        f"With round trips of {1000 * delay_s:g} ms, {alone:.1f} of the small photos are read in a "
        f"second one at a time and {ahead:.0f} with {reading.AHEAD} ahead: {ahead / alone:.1f} "
        "times."
    )


def rates(photos: Path, place: Path, servers: dict[str, Served], model: Path, turns: int) -> Row:
    """Cells of a row: photos a second of a folder, and of each server by it."""
    sources = {"folder": (str(photos), None)} | {
        kind: (served.url, served.config) for kind, served in servers.items()
    }
    measured: dict[str, list[float]] = {kind: [] for kind in sources}
    for turn in range(turns):
        for kind, (root, config) in sources.items():
            report = run_index(
                Config(
                    sources=(Place("", root),) if config else (),
                    gallery=photos,
                    gallery_config=config,
                    index=place / f"{kind}-{turn}",
                    model=model,
                )
            )
            measured[kind].append(report.images_per_s)
    folder, *others = (median(found) for found in measured.values())
    return [f"{folder:.1f}", *(f"{other / folder:.2f}".lstrip("0") for other in others)]


@contextmanager
def cores(wanted: Iterable[int]) -> Iterator[None]:
    """Keep to some cores, as do the processes that are started meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure(place: Path, options: argparse.Namespace) -> Row:
    """A row of the table, of the photos in `place`/photos."""
    photos = place / "photos"
    first, *others = sorted(os.sched_getaffinity(0))
    files = list(photos.iterdir())
    size_bytes = sum(path.stat().st_size for path in files) / len(files)
    with ExitStack() as running:
        with cores(others or [first]):
            servers = {
                kind: running.enter_context(serving(kind, photos, place / kind, watched=False))
                for kind in _KINDS
            }
        with cores([first]):
            found = rates(photos, place, servers, options.model, options.turns)
    return [f"{len(files)}", f"{size_bytes / 1000:,.0f}", *found]


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.remote", description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--large", type=int, default=120, metavar="COUNT")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--delay-ms", type=float, default=50)
    parser.add_argument("--model", type=Path, default=Config().model)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        for place in (small, large):
            (place / "photos").mkdir(parents=True)
        for path in sorted(options.photos.rglob("*.jpg"))[: options.count]:
            shutil.copy2(path, small / "photos")
        make_photos(large / "photos", options.large, _LARGE_PX)
        rows = [measure(place, options) for place in (small, large)]
        ahead = delayed_reads(small, options.count, options.delay_ms / 1000)
    servers = len(os.sched_getaffinity(0)) - 1 or "the same"
    text = [
        f"Index runs on one core, the server on {servers}; median of {options.turns}. {machine()}.",
        "",
        *markdown(
            ["photos", "KB each", "a folder, photos a second"]
            + [f"{title}, × the folder" for title in _KINDS.values()],
            rows,
        ),
        "",
        ahead,
    ]
    publish("remote", "\n".join(text), options.write)


if __name__ == "__main__":
    main()
