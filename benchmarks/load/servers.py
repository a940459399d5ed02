"""Servers to put a load on, each a process of its own, and the index that ours serves."""

from __future__ import annotations

import http.client
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from edge_app.bench.vectors import clustered, made_up
from edge_app.index.write.batch import BATCH_IMAGES, Batch
from edge_app.index.write.writer import Writer
from edge_app.model.card import ModelCard

ROOT = Path(__file__).parents[2]
THUMBNAIL_BYTES = 22_000  # what a thumbnail takes on average (photos/thumbnail.py)


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
def running(
    *command: str | Path,
    ask: str = "/thumbs/1",
    descriptors: int | None = None,
    log: IO[str] | None = None,
) -> Iterator[Server]:
    """A server from when it has answered `ask` to SIGTERM; PORT in the command is its port."""

    def limit() -> None:
        if descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, *(str(port) if word == "PORT" else str(word) for word in command)]
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log, preexec_fn=limit
    )
    server = Server(process, port)
    try:
        for _ in range(12_000):
            if process.poll() is not None:
                raise SystemExit(f"the server has ended with {process.returncode}")
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
def serving(
    home: Path,
    model: Path,
    *options: str,
    ask: str = "/thumbs/1",
    descriptors: int | None = None,
    log: IO[str] | None = None,
) -> Iterator[Server]:
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
    with running(*command, ask=ask, descriptors=descriptors, log=log) as server:
        yield server


def make_index(home: Path, model: Path, images: int) -> None:
    """An index in `home` of images that nobody took, with thumbnails of random bytes."""
    identity = ModelCard.load(model).identity("any")
    (home / "library").mkdir(parents=True)
    vectors = clustered(images, identity.dim)
    with Writer(home / "index", home / "library", identity) as writer:
        for start in range(0, images, BATCH_IMAGES):
            rows = enumerate(vectors[start : start + BATCH_IMAGES], start)
            ids = writer.commit(
                Batch(images=[made_up(n, row, os.urandom(THUMBNAIL_BYTES)) for n, row in rows])
            )
            # Or the server's first look at the empty library says so, while it is measured.
            writer.commit(Batch(offline=ids))
        writer.finish()
    os.sync()  # or a gigabyte on its way to the disk slows whoever reads
