"""What the server does under load: visitors, searches, slow clients, endless uploads, indexing.

    python -m benchmarks.load.serve [--part thumbnails …] --write docs/serving.md

Everything runs on this machine, over loopback: the load takes processor time from the server.
Ratios compare with a reference that ran in turns with it.
"""

from __future__ import annotations

import argparse
import http.client
import inspect
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.load.servers import ROOT, THUMBNAIL_BYTES, Server, make_index, running, serving
from edge_app.bench.serving import Load, load, scans_per_s
from tools.report import machine, publish

MB = 1_000_000
THUMBNAILS, SIMILAR = "/thumbs/{}", "/api/images/{}/similar?k=50"

CONSTANT = """
import sys, logging, waitress
body = b"x" * int(sys.argv[2])
headers = [("Content-Type", "image/jpeg"), ("Content-Length", str(len(body)))]
def app(environ, start_response):
    start_response("200 OK", list(headers))
    return [body]
logging.getLogger("waitress.queue").setLevel("ERROR")
waitress.serve(app, host="127.0.0.1", port=int(sys.argv[1]))
"""


def told(load: Load) -> str:
    """One line of it."""
    return (
        f"{load.requests_per_s:,.0f}/s, p50 {load.p50_ms:.0f} ms, p95 {load.p95_ms:.0f} ms, "
        f"p99 {load.p99_ms:.0f} ms, worst {load.worst_ms:.0f} ms, {load.failed} errors"
    )


def ids(images: int) -> list[int]:
    """Of an index that was made of so many at once."""
    return list(range(1, images + 1))


def typical(loads: list[Load]) -> Load:
    """The one of median rate."""
    return sorted(loads, key=lambda load: load.requests_per_s)[len(loads) // 2]


def bullets(*lines: str) -> str:
    """A Markdown list."""
    return "\n".join(f"- {line}" for line in lines)


# --- the parts -----------------------------------------------------------------------------------


def thumbnails(home: Path, model: Path) -> str:
    """64 connections asking for thumbnails, in turns with a constant answer by waitress.

    waitress's loop and threads get into each other's way least where something else keeps a core
    busy, so the turns are taken twice: on an idle machine, and beside a process that only counts.
    """
    make_index(home, model, 2_000)
    lines = []
    with (
        serving(home, model, "--no-watch") as server,
        running("-c", CONSTANT, "PORT", str(THUMBNAIL_BYTES)) as constant,
    ):
        load(server.port, THUMBNAILS, ids(2_000), 64, 2)
        for condition, beside in (("idle", nullcontext()), ("one core busy", counting())):
            with beside:
                pairs = [
                    [load(one.port, THUMBNAILS, ids(2_000), 64, 3) for one in (constant, server)]
                    for _ in range(5)
                ]
            theirs, ours = (typical(list(loads)) for loads in zip(*pairs, strict=True))
            lines += [
                f"{condition}: waitress, constant: {told(theirs)}",
                f"{condition}: thumbnails: {told(ours)}, "
                f"**{ours.requests_per_s / theirs.requests_per_s:.2f} times** the rate (medians)",
            ]
        before, asked = server.resident_bytes, 0.0
        while asked < 100_000:
            asked += 10 * load(server.port, THUMBNAILS, ids(2_000), 64, 10).requests_per_s
        grown = server.resident_bytes - before
    return bullets(*lines, f"memory over {asked:,.0f} requests: {grown / MB:+.1f} MB")


@contextmanager
def counting() -> Iterator[None]:
    """A process beside which one core is busy."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def search(home: Path, model: Path) -> str:
    """16 clients searching 100,000 rows, in turns with bare NumPy scans, one for each core."""
    rows, ours, scans = 100_000, [], []
    make_index(home, model, rows)
    with serving(home, model, "--no-watch") as server:
        load(server.port, SIMILAR, ids(rows), 16, 5)
        before = server.resident_bytes
        for _ in range(3):
            scans.append(scans_per_s(home / "index", 50, 5))
            ours.append(load(server.port, SIMILAR, ids(rows), 16, 5))
        grown = server.resident_bytes - before
    ratio = statistics.median(load.requests_per_s for load in ours) / statistics.median(scans)
    return bullets(
        f"bare scans, one for each core: {statistics.median(scans):.0f}/s",
        f"16 clients: {told(typical(ours))}",
        f"**{ratio:.2f} times** the rate (medians); memory {grown / MB:+.1f} MB",
    )


def slow(home: Path, model: Path) -> str:
    """Ordinary requests while 2,000 connections are idle and 120 drip."""
    make_index(home, model, 2_000)
    times_ms: list[float] = []
    failed = most = 0
    with serving(home, model, "--no-watch") as server:
        command = [sys.executable, "-m", "benchmarks.load.slowclients", str(server.port)]
        with subprocess.Popen(
            [*command, "2000", "120", "25"], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as others:
            assert others.stdout
            others.stdout.readline()
            end = time.monotonic() + 20
            while time.monotonic() < end:
                began = time.perf_counter()
                try:
                    failed += server.get(f"/thumbs/{1 + len(times_ms) % 2000}") != 200
                except OSError:
                    failed += 1
                times_ms.append((time.perf_counter() - began) * 1e3)
                most = max(most, server.descriptors)
            cut = others.stdout.read().strip()
    p50, p99 = np.percentile(times_ms, [50, 99])
    return bullets(
        f"{len(times_ms) - failed} of {len(times_ms)} answered, p50 {p50:.1f} ms, "
        f"p99 {p99:.1f} ms; at most {most} descriptors; slow ones cut off {cut} times"
    )


def upload(home: Path, model: Path) -> str:
    """1 GiB in chunks, which nobody announced."""
    make_index(home, model, 100)
    spool = home / "spool"
    spool.mkdir()
    os.environ["TMPDIR"] = str(spool)
    with serving(home, model, "--no-watch") as server:
        before = most = server.resident_bytes
        sent, chunk = 0, b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(
                b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nX-Lookalike: 1\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            try:
                while sent < 1 << 30:
                    connection.sendall(chunk)
                    sent += 1 << 20
                    most = max(most, server.resident_bytes)
            except ConnectionError:
                pass
            answer = connection.recv(4096).split(b"\r\n", 1)[0].decode()
        spooled = sum(path.stat().st_size for path in spool.iterdir())
    return bullets(
        f"after {sent >> 20} MiB: {answer}; memory {(most - before) / MB:+.1f} MB, "
        f"{spooled} bytes on disk"
    )


def background(home: Path, model: Path) -> str:
    """Thumbnails for 4 connections, alone and while new photos are indexed."""
    make_index(home, model, 2_000)
    photos = home / "photos"
    photos.mkdir()
    small = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(small).resize((4000, 3000)).save(photos / "photo.jpg", quality=90)
    with serving(home, model) as server:
        load(server.port, THUMBNAILS, ids(2_000), 4, 2)
        alone = load(server.port, THUMBNAILS, ids(2_000), 4, 8)
        for number in range(600):
            shutil.copy(photos / "photo.jpg", home / "library" / f"{number}.jpg")
        while not indexing(server)["done"]:
            time.sleep(0.1)
        working = load(server.port, THUMBNAILS, ids(2_000), 4, 8)
        state = indexing(server)
        assert state["state"] == "indexing", "it ended before the measurement did"
    return bullets(
        f"alone: {told(alone)}",
        f"while {state['images_per_s']:.0f} photos/s are indexed: {told(working)}",
        f"p95 **{working.p95_ms / alone.p95_ms:.1f} times** the other",
    )


def indexing(server: Server) -> dict[str, Any]:
    """What the server says of its index run."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/api/status")
    state: dict[str, Any] = json.load(connection.getresponse())["indexing"]
    return state


def stop(home: Path, model: Path) -> str:
    """SIGTERM while 16 clients search."""
    rows = 20_000
    make_index(home, model, rows)
    with serving(home, model, "--no-watch") as server:
        clients = threading.Thread(target=load, args=(server.port, SIMILAR, ids(rows), 16, 4))
        clients.start()
        time.sleep(2)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(10)
        took_s = time.monotonic() - began
        clients.join()
    return bullets(f"exit code {code} after {took_s:.2f} s")


def start(home: Path, model: Path) -> str:
    """From the start of the process to the first similar query's answer, over 100,000 rows."""
    rows = 100_000
    make_index(home, model, rows)
    took_s, own_bytes = [], []
    for number in range(1, 6):
        began = time.monotonic()
        with serving(home, model, "--no-watch", ask=f"/api/images/{number}/similar") as server:
            took_s.append(time.monotonic() - began)
            own_bytes.append(server.own_bytes)
    return bullets(
        f"answered after {statistics.median(took_s):.2f} s (median of {len(took_s)}); "
        f"{max(own_bytes) / MB:.0f} MB of memory beside the page cache"
    )


PARTS: dict[str, Callable[[Path, Path], str]] = {
    part.__name__: part for part in (thumbnails, search, slow, upload, background, stop, start)
}


def main() -> None:
    """Run the parts one after the other, each with an index of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.serve", description=__doc__)
    parser.add_argument("--part", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--model", type=Path, default=Path("models/mobilenet_v2.tflite"))
    parser.add_argument("--write", type=Path, metavar="FILE", help="instead of printing")
    options = parser.parse_args()
    for name in options.part:
        with tempfile.TemporaryDirectory() as home:
            found = PARTS[name](Path(home), options.model.resolve())
        measured = inspect.cleandoc(PARTS[name].__doc__ or "")
        publish(name, f"{measured}\n\n{found}\n\n{machine()}", options.write)


if __name__ == "__main__":
    main()
