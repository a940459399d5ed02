"""What an index of millions of images takes: to open, to search, to browse, and to find unchanged.

    python -m benchmarks.load.millions --keep FOLDER --write docs/search.md

The images are made up: vectors, names, dates and folders, without thumbnails. 5,000,000 × 256 need
10 GB of disk and ten minutes to be made; with --keep FOLDER they are made there once, and measured
as often as wanted. The library is made up too: what a run takes that changes nothing is without the
walk over its folders.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.load.servers import ROOT, Server, serving
from edge_app.bench.vectors import clustered_blocks, made_up
from edge_app.config import Limits
from edge_app.index.read.reader import Reader
from edge_app.index.write.batch import Batch, NewImage
from edge_app.index.write.writer import Writer
from edge_app.indexing.indexer import index
from edge_app.indexing.stages import Embeds
from edge_app.library.folder import Folder
from edge_app.library.scan import FoundFile, Scan
from edge_app.model.card import ModelIdentity
from edge_app.photos.children.pool import DecodePool
from tools.report import machine, markdown, publish

_FIRST_S = 946_684_800  # 2000
_SHAPES = ((4000, 3000, "JPEG"), (3000, 4000, "JPEG"), (4000, 2250, "HEIF"), (2000, 2000, "PNG"))
_FOLDER_IMAGES = 500
_APART_S = 160  # between two photos: 5,000,000 span 25 years


def make(home: Path, rows: int, dim: int) -> None:
    """An index in `home`, of images in folders of 500."""
    identity = ModelIdentity("made-up", "0" * 64, dim, 224, "none", "any")
    (home / "library").mkdir(parents=True, exist_ok=True)
    with Writer(home / "index", home / "library", identity) as writer:
        number = 0
        for block in clustered_blocks(rows, dim):
            writer.commit(Batch(images=[image(n, row) for n, row in enumerate(block, number)]))
            number += len(block)
            print(f"\r{number:,}", end="", file=sys.stderr, flush=True)
        writer.finish()


def file_of(number: int) -> FoundFile:
    """Where one of them is."""
    folder = number // _FOLDER_IMAGES
    path = f"{2000 + folder // 400}/{folder % 400:03}/IMG_{number}.jpg"
    return FoundFile(path, size_bytes=4_000_000, mtime_ns=(_FIRST_S + number) * 10**9)


def image(number: int, vector: NDArray[np.float32]) -> NewImage:
    """One of them, without a thumbnail."""
    width_px, height_px, format = _SHAPES[number * 7919 % 11 % len(_SHAPES)]
    file = file_of(number)
    return replace(
        made_up(number, vector, b"\0"),
        path=file.path,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        width_px=width_px,
        height_px=height_px,
        format=format,
        taken_at=_FIRST_S + number * _APART_S,
    )


class MadeUp(Folder):
    """The library of such an index, whose walk costs no more than making its list."""

    def __init__(self, root: Path, rows: int) -> None:
        super().__init__(root)
        self.rows = rows

    def scan(self) -> Scan:
        return Scan(list(map(file_of, range(self.rows))))


def run_unchanged(home: Path, rows: int) -> None:
    """Print seconds, processor seconds and memory of a run over what is all there already."""
    library = MadeUp(home / "library", rows)
    found = library.scan()
    library.scan = lambda: found  # type: ignore[method-assign]
    embedder = cast(Embeds, SimpleNamespace(threads=1, embed=None))
    identity = identity_of(home)
    start, cpu_s = time.perf_counter(), time.process_time()
    with (
        Writer(home / "index", home / "library", identity) as writer,
        DecodePool(224, Limits(), workers=1) as pool,
    ):
        report = index(library, writer, pool, embedder, Limits())
    assert report.unchanged == rows, report
    peak_bytes = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = time.perf_counter() - start, time.process_time() - cpu_s
    print(json.dumps([*seconds, peak_bytes]))


def identity_of(home: Path) -> ModelIdentity:
    """Of the model that an index was made with."""
    with Reader(home / "index") as reader:
        identity = reader.snapshot().identity
    assert identity
    return identity


class Client:
    """Asks a server on one connection, and measures."""

    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.pid = server.process.pid

    def cpu_s(self) -> float:
        """Processor time of the server so far (proc_pid_stat(5))."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, *paths: str) -> tuple[str, str]:
        """The median time of a request for each of these, and the mean of its processor time."""
        times, cpu_s = [], self.cpu_s()
        for path in paths:
            start = time.perf_counter()
            self.connection.request("GET", path)
            answer = self.connection.getresponse()
            body = answer.read()
            times.append(1000 * (time.perf_counter() - start))
            assert answer.status == 200, (path, body)
        cpu_ms = 1000 * (self.cpu_s() - cpu_s) / len(paths)
        return f"{statistics.median(times):,.0f} ms", f"{cpu_ms:,.0f} ms"


def measure(home: Path, model: Path, rows: int) -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the processor time."""
    rng = np.random.default_rng(1)
    ids = [int(id) for id in rng.integers(1, rows + 1, 20)]
    similar = [f"/api/images/{id}/similar?k=50" for id in ids]
    filters = "from=2010-01-01&format=JPEG&orientation=landscape"
    last = f"limit=100000&offset={rows - 100_000}"
    asked = {
        "search": similar,
        "search with three filters": [f"{path}&{filters}" for path in similar],
        "facets, first time": ["/api/facets"],
        "folders, first time": ["/api/folders"],
        "listing, first page": ["/api/images?limit=100"],
        "listing by name, first page": ["/api/images?limit=100&sort=name"],
        "listing by folder, first page": ["/api/images?limit=100&sort=folder"],
        "listing with three filters, first page": [f"/api/images?limit=100&{filters}"],
        "the same again": [f"/api/images?limit=100&{filters}"],
        "layout, first 100,000": ["/api/layout?limit=100000"],
        "layout, last 100,000": [f"/api/layout?{last}"],
        "status": ["/api/status"] * 9,
    }
    start = time.perf_counter()
    with serving(home, model, "--no-watch", ask=similar[0]) as server:
        start_s, client = time.perf_counter() - start, Client(server)
        found = [("start to the first answer", f"{start_s:.1f} s", f"{client.cpu_s():.1f} s")]
        found += [(name, *client.ask(*paths)) for name, paths in asked.items()]
        own_bytes = server.own_bytes
    command = ["-m", "benchmarks.load.millions", "--keep", str(home), "--unchanged", str(rows)]
    ran = subprocess.run([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    run_s, run_cpu_s, run_bytes = json.loads(ran.stdout)

    def memory(size_bytes: int) -> str:
        return f"{size_bytes / 1e6:,.0f} MB, {size_bytes / rows:.0f} bytes an image"

    return [
        *found,
        ("index run that changes nothing", f"{run_s:.0f} s", f"{run_cpu_s:.0f} s"),
        ("its memory", memory(run_bytes), ""),
        ("server's own memory", memory(own_bytes), ""),
        ("catalogue", memory((home / "index" / "catalog.db").stat().st_size), ""),
    ]


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.millions", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("--model", type=Path, default=ROOT / "models/mobilenet_v2.tflite")
    parser.add_argument("--unchanged", type=int, metavar="ROWS", help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.unchanged:
        run_unchanged(options.keep, options.unchanged)
        return
    with TemporaryDirectory() as folder:
        home = options.keep or Path(folder)
        if not (home / "index").exists():
            make(home, options.rows, options.dim)
        load = os.getloadavg()[0]  # of others: where it is high only the processor time counts
        figures = measure(home, options.model, options.rows)
    head = (
        f"{options.rows:,} × {options.dim}, made up, without thumbnails; an index run without the "
        f"walk over the folders. Load before: {load:.1f}. {machine()}."
    )
    lines = markdown(["what", "takes", "processor time"], figures)
    publish("millions", "\n".join([head, "", *lines]), options.write)


if __name__ == "__main__":
    main()
