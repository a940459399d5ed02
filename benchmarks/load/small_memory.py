"""What the server does with little memory, one core and no swap: serve, search, index meanwhile.

    sudo python -m benchmarks.load.small_memory --write docs/small-devices.md

A library of 100,000 files that are indexed already and 2,000 new photos of 12 megapixels, each with
bytes of its own and none in the page cache. `serve` runs in a cgroup, its index run too; a visitor
outside opens the page and searches all the while, until everything is indexed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge_app.bench.photos import make_photos
from edge_app.bench.vectors import clustered, made_up
from edge_app.config import Config, MiB
from edge_app.index.write.batch import Batch
from edge_app.index.write.writer import Writer
from edge_app.library.scan import scan
from edge_app.model.card import ModelCard
from tools.report import machine, markdown, publish
from tools.testing.cgroup import Group, forget, limited, memory_limit

THUMBNAIL_BYTES = 22_000  # what a thumbnail takes on average (photos/thumbnail.py)
ON_A_PAGE = 24  # thumbnails
PAGE = ("/", "/api/status", "/api/facets", "/api/layout?sort=-date", "/api/images?limit=100")
_BATCH = 4096
_LOOK_S = 0.25
_PAUSE_S = 1.0  # what a visitor looks at before the next page


@dataclass(slots=True)
class Visits:
    """What a visitor and the kernel saw."""

    page_ms: list[float] = field(default_factory=list)
    search_ms: list[float] = field(default_factory=list)
    errors: int = 0
    seconds: float = 0.0
    images: int = 0  # in the index at the end
    peak_bytes: int = 0  # of everything, page cache included
    own_bytes: int = 0  # of the processes alone, at most
    kills: int = 0


def make_library(config: Config, rows: int) -> None:
    """Empty files, and an index that takes them for photos it has seen."""
    for number in range(rows):
        folder = config.gallery / "old" / f"{number // 1000:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:06}.jpg").touch()
    identity = ModelCard.load(config.model).identity("any")
    files = scan(config.gallery).files
    vectors = clustered(rows, identity.dim)
    with Writer(config.index, config.gallery, identity) as writer:
        for start in range(0, rows, _BATCH):
            some = enumerate(files[start : start + _BATCH], start)
            images = [
                replace(
                    made_up(number, vectors[number], os.urandom(THUMBNAIL_BYTES)),
                    path=file.path,
                    size_bytes=file.size_bytes,
                    mtime_ns=file.mtime_ns,
                    version=file.version,
                    mount=file.mount,
                    pattern=number,  # or the first run makes those of an older index
                    located=False,
                )
                for number, file in some
            ]
            writer.commit(Batch(images=images))
        writer.finish()


@contextmanager
def serving(config: Config, group: Group | None, *options: str) -> Iterator[int]:
    """The port of our server, which has the group's memory and one core."""
    core = str(min(os.sched_getaffinity(0)))
    serve = [sys.executable, "-m", "edge_app", "serve", "--port", "0", *options]
    for name in ("gallery", "index", "model"):
        serve += [f"--{name}", str(getattr(config, name))]
    command = limited(group, "taskset", "-c", core, *serve)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        found = re.search(r":(\d+)/?$", process.stdout.readline().strip())
        if not found:
            raise SystemExit("the server has not started")
        try:
            yield int(found[1])
        finally:
            process.terminate()


def visit(config: Config, group: Group | None, rows: int, searches: int, *options: str) -> Visits:
    """Open the page and search, again and again until indexing is over and `searches` are done."""
    seen, chance = Visits(), random.Random(0)
    over = threading.Event()

    def look() -> None:
        while group and not over.wait(_LOOK_S):
            seen.own_bytes = max(seen.own_bytes, group.own_bytes)

    looking = threading.Thread(target=look)
    with serving(config, group, *options) as port:
        looking.start()
        began_s = time.monotonic()
        try:
            while len(seen.search_ms) < searches or not is_idle(port):
                ids = [chance.randrange(1, rows + 1) for _ in range(ON_A_PAGE + 1)]
                paths = [*PAGE, *(f"/thumbs/{id}" for id in ids[1:])]
                seen.page_ms.append(took_ms(port, seen, *paths))
                seen.search_ms.append(took_ms(port, seen, f"/api/images/{ids[0]}/similar?k=20"))
                time.sleep(_PAUSE_S)
            seen.seconds = time.monotonic() - began_s
            seen.images = json.loads(ask(port, "/api/status")[1])["images"]
        finally:
            over.set()
            looking.join()
            if group:
                seen.peak_bytes, seen.kills = group.peak_bytes, group.kills
    return seen


def ask(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def is_idle(port: int) -> bool:
    """Whether indexing is over; it must not have failed."""
    indexing = json.loads(ask(port, "/api/status")[1])["indexing"]
    if indexing["state"] == "failed":
        raise SystemExit(f"indexing failed: {indexing['message']}")
    return bool(indexing["state"] == "idle")


def took_ms(port: int, seen: Visits, *paths: str) -> float:
    """How long a visitor waits for all of these, one after the other."""
    start_s = time.perf_counter()
    for path in paths:
        seen.errors += ask(port, path)[0] != 200
    return 1000 * (time.perf_counter() - start_s)


def row(name: str, limit_mib: int, seen: Visits, photos: int) -> list[str]:
    """A line of the table."""

    def times(values_ms: list[float]) -> str:
        return " / ".join(f"{value:,.0f}" for value in np.percentile(values_ms, [50, 95]))

    return [
        name,
        f"{limit_mib} MiB",
        f"{photos / seen.seconds:.1f}/s" if photos else "–",
        times(seen.page_ms),
        times(seen.search_ms),
        f"{len(seen.page_ms) + len(seen.search_ms)}, {seen.errors}",
        f"{seen.own_bytes / MiB:.0f} MiB",
        f"{seen.peak_bytes / MiB:.0f} MiB",
        str(seen.kills),
    ]


def table(config: Config, rows: int, photos: int, searches: int) -> str:
    """Markdown: both limits, and what each was enough for."""
    make_library(config, rows)
    lines = []
    for limit_mib, new in ((256, 0), (512, photos)):
        if new:
            (config.gallery / "new").mkdir()
            make_photos(config.gallery / "new", new)
        forget(config.index)
        forget(config.gallery / "new")
        with memory_limit(limit_mib * MiB) as group:
            if group is None:
                raise SystemExit("no cgroup may be made here; run as root")
            seen = visit(config, group, rows, searches)
        if seen.kills or seen.errors or seen.images != rows + new:
            raise SystemExit(f"under {limit_mib} MiB: {seen}")
        lines.append(row("serve, search" + ", index" * bool(new), limit_mib, seen, new))
    head = (
        "what", "limit", "indexing", "page ms, p50 / p95", "search ms, p50 / p95",
        "answers, errors", "processes alone", "peak with page cache", "kills",
    )  # fmt: skip
    dim = ModelCard.load(config.model).dim
    about = (
        f"{rows:,} × {dim} vectors ({rows * dim * 4 // MiB} MiB), {photos:,} new photos of 12 "
        f"megapixels, one core, no swap. A page is {len(PAGE)} requests and {ON_A_PAGE} thumbnails."
    )
    return "\n".join([f"{about} {machine()}.", "", *markdown(head, lines)])


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load.small_memory", description=__doc__
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--photos", type=int, default=2_000)
    parser.add_argument("--searches", type=int, default=60)
    parser.add_argument("--model", type=Path, default=Config().model)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        config = Config(
            gallery=home / "library", index=home / "index", model=options.model.resolve()
        )
        found = table(config, options.rows, options.photos, options.searches)
    publish("small-memory", found, options.write)


if __name__ == "__main__":
    main()
