"""What the server bears: many visitors, searches, slow clients, endless uploads, work meanwhile.

    python -m benchmarks.load.serve [--part thumbnails …] --write docs/serving.md

Needs `wrk` (Debian: apt install wrk). Everything runs on this machine, over loopback: the load
takes processor time from the server. Ratios compare with a reference that ran in turns with it.
"""

from __future__ import annotations

import argparse
import http.client
import inspect
import json
import os
import re
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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_app.index.write.batch import BATCH_IMAGES, Batch, NewImage
from edge_app.index.write.writer import Writer
from edge_app.model.card import ModelCard
from tools.report import machine, publish

ROOT = Path(__file__).parents[2]
MB = 1_000_000
THUMBNAIL_BYTES = 15_000  # what a 320 px JPEG of quality 80 takes on average
DIM = 1280

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

SCANS = """
import sys, threading, time
import numpy as np
vectors = np.load(sys.argv[1], mmap_mode="r")
k, seconds, counts = 50, float(sys.argv[2]), []
def scan(seed):
    chance, count, end = np.random.default_rng(seed), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        scores = vectors @ vectors[chance.integers(len(vectors))]
        best = np.argpartition(scores, -k)[-k:]
        best[np.argsort(-scores[best])]
        count += 1
    counts.append(count)
threads = [threading.Thread(target=scan, args=(seed,)) for seed in range(int(sys.argv[3]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sum(counts) / seconds)
"""


class Server:
    """A child process with its port."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    @property
    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    @property
    def own_bytes(self) -> int:
        """Resident memory that is not of the page cache."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return sum(1024 * int(kib) for kib in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+)", status))

    @property
    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def get(self, path: str) -> int:
        """The status of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


@contextmanager
def running(*command: str | Path, ask: str = "/thumbs/1") -> Iterator[Server]:
    """A server from when it has answered `ask` to SIGTERM; PORT in the command is its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, *(str(port) if word == "PORT" else str(word) for word in command)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    server = Server(process, port)
    try:
        for _ in range(3_000):
            try:
                server.get(ask)
                break
            except OSError:
                time.sleep(0.01)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@contextmanager
def serving(home: Path, model: Path, *options: str, ask: str = "/thumbs/1") -> Iterator[Server]:
    """Our server, over the library and the index in `home`."""
    where = ("--gallery", home / "library", "--index", home / "index", "--model", model)
    command: tuple[str | Path, ...] = (
        "-m",
        "edge_app",
        "serve",
        *where,
        "--port",
        "PORT",
        *options,
    )
    with running(*command, ask=ask) as server:
        yield server


def make_index(home: Path, model: Path, images: int) -> None:
    """An index of images that nobody took: random unit vectors, thumbnails of random bytes."""
    card = ModelCard.load(model)
    identity = card.identity("any")
    (home / "library").mkdir(parents=True)
    chance = np.random.default_rng(0)
    with Writer(home / "index", home / "library", identity) as writer:
        for start in range(0, images, BATCH_IMAGES):
            count = min(BATCH_IMAGES, images - start)
            vectors = chance.standard_normal((count, card.dim)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            ids = writer.commit(
                Batch(images=[new_image(start + i, vectors[i]) for i in range(count)])
            )
            # Or the server's first look at the empty library says so, while it is measured.
            writer.commit(Batch(offline=ids))
        writer.finish()
    os.sync()  # or a gigabyte on its way to the disk slows whoever reads


def new_image(number: int, vector: NDArray[np.float32]) -> NewImage:
    return NewImage(
        path=f"{number // 1000}/{number}.jpg",
        size_bytes=4_000_000,
        mtime_ns=number * 10**12,
        content=number.to_bytes(16, "little"),
        width_px=4000,
        height_px=3000,
        format="JPEG",
        taken_at=None,
        camera=None,
        thumbnail=os.urandom(THUMBNAIL_BYTES),
        vector=vector,
    )


class Load(NamedTuple):
    """What wrk found."""

    requests: int
    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    worst_ms: float
    errors: int  # not answered, or not 2xx

    def __str__(self) -> str:
        return (
            f"{self.per_s:,.0f}/s, p50 {self.p50_ms:.0f} ms, p95 {self.p95_ms:.0f} ms, "
            f"p99 {self.p99_ms:.0f} ms, worst {self.worst_ms:.0f} ms, {self.errors} errors"
        )


WRK = """
request = function()
  return wrk.format("GET", string.format("PATH", math.random(1, IDS)))
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("LOAD %d %f %f %f %f %f %d\\n", summary.requests,
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3,
    latency:percentile(95) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    e.connect + e.read + e.write + e.timeout + e.status))
end
"""


def load(server: Server, path: str, ids: int, connections: int, seconds: float) -> Load:
    """Ask for `path` with random ids in the place of its %d, over so many connections at once."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK.replace("PATH", path).replace("IDS", str(ids)))
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s"]
        done = subprocess.run(
            [*command, script.name, f"http://127.0.0.1:{server.port}"],
            capture_output=True,
            text=True,
            check=True,
        )
    found = re.search(r"^LOAD (.*)$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    requests, per_s, p50, p95, p99, worst, errors = map(float, found[1].split())
    return Load(int(requests), per_s, p50, p95, p99, worst, int(errors))


def typical(loads: list[Load]) -> Load:
    """The one of median rate."""
    return sorted(loads, key=lambda load: load.per_s)[len(loads) // 2]


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
        load(server, "/thumbs/%d", 2_000, 64, 2)
        for condition, beside in (("idle", nullcontext()), ("one core busy", counting())):
            with beside:
                pairs = [
                    [load(one, "/thumbs/%d", 2_000, 64, 3) for one in (constant, server)]
                    for _ in range(5)
                ]
            theirs, ours = (typical(list(loads)) for loads in zip(*pairs, strict=True))
            lines += [
                f"{condition}: waitress, constant: {theirs}",
                f"{condition}: thumbnails: {ours}, **{ours.per_s / theirs.per_s:.2f} times** the "
                "rate (medians)",
            ]
        before, asked = server.resident_bytes, 0
        while asked < 100_000:
            asked += load(server, "/thumbs/%d", 2_000, 64, 10).requests
        grown = server.resident_bytes - before
    return bullets(*lines, f"memory over {asked:,} requests: {grown / MB:+.1f} MB")


@contextmanager
def counting() -> Iterator[None]:
    """A process beside which one core is busy."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def search(home: Path, model: Path) -> str:
    """16 clients searching 100,000 rows, in turns with as many bare NumPy scans as cores."""
    rows = 100_000
    make_index(home, model, rows)
    plain = home / "vectors.npy"
    vectors = np.random.default_rng(0).standard_normal((rows, DIM), dtype=np.float32)
    np.save(plain, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    del vectors
    os.sync()
    cores = len(os.sched_getaffinity(0))
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    ours, scans = [], []
    with serving(home, model, "--no-watch") as server:
        load(server, "/api/images/%d/similar?k=50", rows, 16, 5)
        before = server.resident_bytes
        for _ in range(3):
            done = subprocess.run(
                [sys.executable, "-c", SCANS, str(plain), "5", str(cores)],
                capture_output=True,
                text=True,
                check=True,
                env=one_thread,
            )
            scans.append(float(done.stdout))
            ours.append(load(server, "/api/images/%d/similar?k=50", rows, 16, 5))
        grown = server.resident_bytes - before
    ratio = statistics.median(load.per_s for load in ours) / statistics.median(scans)
    return bullets(
        f"{cores} bare scans side by side: {statistics.median(scans):.0f}/s",
        f"16 clients: {typical(ours)}",
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
        load(server, "/thumbs/%d", 2_000, 4, 2)
        alone = load(server, "/thumbs/%d", 2_000, 4, 8)
        for number in range(600):
            shutil.copy(photos / "photo.jpg", home / "library" / f"{number}.jpg")
        while not indexing(server)["done"]:
            time.sleep(0.1)
        working = load(server, "/thumbs/%d", 2_000, 4, 8)
        state = indexing(server)
        assert state["state"] == "indexing", "it ended before the measurement did"
    return bullets(
        f"alone: {alone}",
        f"while {state['images_per_s']:.0f} photos/s are indexed: {working}",
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
        clients = threading.Thread(
            target=load, args=(server, "/api/images/%d/similar?k=50", rows, 16, 4)
        )
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
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not there; on Debian: apt install wrk")
    for name in options.part:
        with tempfile.TemporaryDirectory() as home:
            found = PARTS[name](Path(home), options.model.resolve())
        measured = inspect.cleandoc(PARTS[name].__doc__ or "")
        publish(name, f"{measured}\n\n{found}\n\n{machine()}", options.write)


if __name__ == "__main__":
    main()
