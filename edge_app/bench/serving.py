"""Measures the server: thumbnails for many connections, and searches beside bare scans.

The server has a process of its own; the clients, all in this one, share the cores with it.
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_app.bench import child as benchchild
from edge_app.bench.child import HOST
from edge_app.config import Config
from edge_app.errors import ServeError
from edge_app.index.read.reader import Reader
from edge_app.search.vectors.exact import K

_SEARCHING = 16  # connections
_WARM_UP_S = 0.5
_ANSWER_S = 10.0  # a server that says nothing for this time has failed


@dataclass(frozen=True, slots=True)
class Load:
    """What connections that always ask again were given."""

    connections: int
    requests_per_s: float
    p50_ms: float  # 0 where nothing was answered
    p95_ms: float
    p99_ms: float
    worst_ms: float
    failed: int  # answered with an error, or not at all


@dataclass(frozen=True, slots=True)
class Figures:
    """What `measure` found."""

    rows: int
    dim: int
    k: int
    cores: int
    thumbnails: Load
    similar: Load
    scans_per_s: float  # `vectors @ query` and its k largest, in one thread for each core
    similar_to_scans: float  # the ratio of the two rates


def measure(config: Config, connections: int, seconds: float) -> Figures:
    """Serve the index of `config` on loopback and ask for random images, so long for each figure.

    Nothing is indexed meanwhile.
    """
    with Reader(config.index) as reader:
        snapshot = reader.snapshot()
        ids = snapshot.ids[snapshot.live].tolist()
        rows, dim = snapshot.vectors.shape
    k = K
    scans = scans_per_s(config.index, k, seconds)
    with serving(config.index) as port:
        thumbnails = load(port, "/thumbs/{}", ids, connections, seconds)
        similar = load(port, f"/api/images/{{}}/similar?k={k}", ids, _SEARCHING, seconds)
    return Figures(
        rows=rows,
        dim=dim,
        k=k,
        cores=len(os.sched_getaffinity(0)),
        thumbnails=thumbnails,
        similar=similar,
        scans_per_s=scans,
        similar_to_scans=similar.requests_per_s / scans,
    )


def text(figures: Figures) -> str:
    """The figures for people."""
    loads = {"thumbnails": figures.thumbnails, "similar": figures.similar}
    return "\n".join(
        [
            f"{figures.rows} rows of {figures.dim} numbers, {figures.cores} cores, shared "
            "with the clients",
            "",
            f"{'':12}connections  requests/s  p50 ms  p99 ms  failed",
            *(
                f"{name:12}{load.connections:11}{load.requests_per_s:12.0f}"
                f"{load.p50_ms:8.1f}{load.p99_ms:8.1f}{load.failed:8}"
                for name, load in loads.items()
            ),
            "",
            f"similar searches reach {figures.similar_to_scans:.2f} times the rate of "
            f"bare scans, one scan per core: {figures.scans_per_s:.0f}/s",
        ]
    )


# --- the clients ----------------------------------------------------------------------------------


def load(port: int, path: str, ids: list[int], connections: int, seconds: float) -> Load:
    """Ask for `path` with random ids for its {}, after a moment to warm up."""
    chance = np.random.default_rng(0)

    def next_path() -> str:
        return path.format(ids[chance.integers(len(ids))])

    times_s: list[float] = []
    failed = 0
    start_s = time.perf_counter() + _WARM_UP_S
    with selectors.DefaultSelector() as selector, ExitStack() as sockets:
        for _ in range(connections):
            client = _Client(port)
            sockets.enter_context(client.socket)
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.ask(next_path())
        while waiting := selector.get_map():
            ready = selector.select(_ANSWER_S)
            if not ready:
                failed += len(waiting)
                break
            for key, _ in ready:
                client, now_s = key.data, time.perf_counter()
                try:
                    answered = client.read()
                except (OSError, ServeError):
                    failed += 1
                    selector.unregister(client.socket)
                    continue
                if answered and now_s >= start_s:
                    times_s.append(now_s - client.asked_s)
                if answered and now_s < start_s + seconds:
                    client.ask(next_path())
                elif answered:
                    selector.unregister(client.socket)
    p50, p95, p99, worst = (1000 * np.percentile(times_s or [0.0], [50, 95, 99, 100])).tolist()
    return Load(connections, len(times_s) / seconds, p50, p95, p99, worst, failed)


class _Client:
    """One connection; it asks one thing at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.asked_s = 0.0
        self._answer = bytearray()

    def ask(self, path: str) -> None:
        """Send a request."""
        self._answer.clear()
        self.asked_s = time.perf_counter()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())

    def read(self) -> bool:
        """Take what there is, and whether that is all; ServeError if it is not a proper answer."""
        data = self.socket.recv(65536)
        self._answer += data
        head, ended, body = self._answer.partition(b"\r\n\r\n")
        if data and not ended:
            return False
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if not data or not head.startswith(b"HTTP/1.1 200 ") or not length:
            raise ServeError(f"the server answered {head.decode('latin-1')}")
        return len(body) >= int(length[1])


# --- the other processes --------------------------------------------------------------------------


@contextmanager
def serving(index: Path) -> Iterator[int]:
    """The port of a server of this index."""
    with _child("serve", index) as child:
        try:
            yield int(_line(child))
        finally:
            child.terminate()


def scans_per_s(index: Path, k: int, seconds: float) -> float:
    """How often `vectors @ query` and its k largest are found, in a thread for each core."""
    # A scan keeps to its own core; OpenBLAS would spread each over all of them.
    with _child("scan", index, k, seconds, OPENBLAS_NUM_THREADS="1") as child:
        return float(_line(child))


def _child(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", benchchild.__name__, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(child: subprocess.Popen[str]) -> str:
    assert child.stdout
    line = child.stdout.readline()
    if not line:
        raise ServeError(f"a measured process ended with exit code {child.wait()}")
    return line
