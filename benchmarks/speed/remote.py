"""How fast photos of another machine are read and indexed, beside the same photos in a folder.

    python -m benchmarks.speed.remote PHOTOS [--count 600] [--delay-ms 50]

Serves PHOTOS with rclone on loopback as S3 and WebDAV. Measured are whole index runs with the real
model, the best of three, and reads with every round trip delayed, one at a time and many ahead.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_app.config import Config, Limits, Place
from edge_app.indexing import reading
from edge_app.indexing.reading import Reads
from edge_app.indexing.run import run_index
from edge_app.library.remote import Remote
from edge_app.library.rules import Rules
from edge_app.photos.children.pool import DecodePool, Job, Outcome, Same
from tools.testing.delay import delayed
from tools.testing.rclone import serving, write_config


class _Nothing(DecodePool):
    """Takes jobs as a pool does, and does nothing with them."""

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        return ((job, Same()) for job in jobs)


def reads_per_s(source: Remote, count: int, ahead: int) -> float:
    """Objects read in a second, so many at a time."""
    files = [file for file in source.scan().files if file.size_bytes < 60_000][:count]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--delay-ms", type=float, default=50)
    parser.add_argument("--model", type=Path, default=Config().model)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        photos = place / "photos"
        photos.mkdir()
        for path in sorted(options.photos.rglob("*.jpg"))[: options.count]:
            shutil.copy2(path, photos)
        rates: dict[str, list[float]] = {"folder": [], "s3": [], "webdav": []}
        with (
            serving("s3", photos, place / "server") as s3,
            serving("webdav", photos, place / "server") as webdav,
        ):
            sources = {"folder": (str(photos), None)} | {
                kind: (served.url, served.config)
                for kind, served in (("s3", s3), ("webdav", webdav))
            }
            for turn in range(3):
                for kind, (root, config) in sources.items():
                    report = run_index(
                        Config(
                            sources=(Place("", root),) if config else (),
                            gallery=photos,
                            gallery_config=config,
                            index=place / f"{kind}-{turn}",
                            model=options.model,
                        )
                    )
                    rates[kind].append(report.images_per_s)
            for kind, measured in rates.items():
                best = max(measured)
                print(f"{kind}: {best:.1f} images/s, {best / max(rates['folder']):.2f} of folder")
            with delayed(s3.port, options.delay_ms / 1000) as port:
                slow = write_config("s3", port, place, s3.log)
                source = Remote(slow.url, slow.config, Rules())
                alone = reads_per_s(source, 60, 1)
                ahead = reads_per_s(source, options.count, reading.AHEAD)
            print(
                f"round trips of {options.delay_ms:g} ms: {alone:.1f} reads/s one at a time, "
                f"{ahead:.0f} with {reading.AHEAD} ahead, {ahead / alone:.1f} times"
            )


if __name__ == "__main__":
    main()
