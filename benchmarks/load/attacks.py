"""Ordinary requests beside each attack, with two hostile clients' worth of it.

    python -m benchmarks.load.attacks [--only NAME …] --write docs/serving.md

Each hostile client is an address of loopback with as many connections as one on the network may
have. A visitor at a third address looks around meanwhile. All share the processors of this machine,
the hostile ones with the lowest priority.
"""

from __future__ import annotations

import argparse
import http.client
import inspect
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.load.attackers import ATTACKS, passcodes
from benchmarks.load.servers import ROOT, Server, make_index, serving
from edge_app.bench.photos import make_photos
from edge_app.config import Config, Limits
from edge_app.guard.passcode import make_token, read_hash, write_passcode
from tools.report import machine, markdown, publish

ADDRESSES = ("127.0.0.2", "127.0.0.3")
VISITOR = "127.0.0.4"
CONNECTIONS = Limits().connections_per_address
PHOTOS = 20
PAUSE_S = 0.02  # between two requests of the visitor
TARGET_ANSWERED, TARGET_P99_MS = 0.99, 200
# What the server is told beside its defaults; without it the attack has nothing to attack.
OPTIONS = {
    "slow_reading": ("--strip-location",),
    "previews": ("--preview-cache", "0"),
}
DESCRIPTORS = {"holding": 100}  # of the server, fewer than the connections it may have


@dataclass
class Visit:
    """What the visitor got."""

    times_ms: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def answered(self) -> float:
        return len(self.times_ms) / max(1, len(self.times_ms) + self.failed)

    @property
    def holds(self) -> bool:
        return self.answered >= TARGET_ANSWERED and self.percentile_ms(99) < TARGET_P99_MS

    def percentile_ms(self, percent: float) -> float:
        return float(np.percentile(self.times_ms or [0.0], percent))


def visit(server: Server, rows: int, token: str, seconds: float) -> Visit:
    """Look at status, listings and thumbnails, and search, one request at a time."""
    seen, chance = Visit(), random.Random(0)
    headers = {"Authorization": f"Bearer {token}"}
    connection: http.client.HTTPConnection | None = None
    end = time.monotonic() + seconds
    for number in itertools.count():
        if time.monotonic() > end:
            return seen
        id = chance.randint(1, rows)
        path = (
            "/api/status",
            f"/thumbs/{id}",
            "/api/images?limit=100",
            f"/thumbs/{id}",
            f"/api/images/{id}/similar?k=20",
            "/healthz",
        )[number % 6]
        began = time.perf_counter()
        try:
            if connection is None:
                connection = http.client.HTTPConnection(
                    "127.0.0.1", server.port, timeout=10, source_address=(VISITOR, 0)
                )
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise ConnectionError(answer.status)
            seen.times_ms.append(1000 * (time.perf_counter() - began))
        except (OSError, http.client.HTTPException):
            seen.failed += 1
            if connection:
                connection.close()
            connection = None
        time.sleep(PAUSE_S)
    raise AssertionError("the loop has no end of its own")


@contextmanager
def attacked(name: str, server: Server, photos: list[int], upload: Path) -> Iterator[None]:
    """Two hostile clients at work. Their processors would be their own: of this machine's they get
    what server and visitor leave."""
    command = [sys.executable, "-m", "benchmarks.load.attackers", name, str(server.port)]
    ends = [str(CONNECTIONS), json.dumps(photos), str(upload)]
    clients = [
        subprocess.Popen(
            ["nice", "-n", "19", *command, address, *ends], cwd=ROOT, stdout=subprocess.PIPE
        )
        for address in ADDRESSES
    ]
    try:
        for client in clients:
            assert client.stdout
            client.stdout.readline()
        time.sleep(1)
        yield
    finally:
        for client in clients:
            client.kill()
            client.wait()


def beside(name: str | None, home: Path, model: Path, rows: int, seconds: float) -> Visit:
    """A visit to a new server, beside an attack or on its own."""
    passcode = home / "passcode"
    options = ["--no-watch", "--head-start", "120", *OPTIONS.get(name or "", ())]
    if name == passcodes.__name__:
        options += ["--passcode-file", str(passcode)]
    token = make_token(read_hash(passcode), int(time.time()) + 3600)
    most = DESCRIPTORS.get(name or "")
    with serving(home, model, *options, ask="/healthz", descriptors=most) as server:
        if name is None:
            return visit(server, rows, token, seconds)
        with attacked(name, server, list(range(rows + 1, rows + 1 + PHOTOS)), home / "upload.jpg"):
            return visit(server, rows, token, seconds)


def row(name: str | None, seen: Visit) -> list[str]:
    """A line of the table."""
    about = inspect.getdoc(ATTACKS[name]) if name else "No attack."
    return [
        str(about).rstrip(".").replace("\n", " "),
        f"{len(seen.times_ms):,} of {len(seen.times_ms) + seen.failed:,}",
        *(f"{seen.percentile_ms(percent):.0f} ms" for percent in (50, 99, 100)),
        "yes" if seen.holds else "**no**",
    ]


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.attacks", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--model", type=Path, default=Config().model)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    lines, busy = [], os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        home, model = Path(folder), options.model.resolve()
        make_index(home, model, options.rows)
        make_photos(home / "library", PHOTOS)
        (home / "upload.jpg").write_bytes(next((home / "library").iterdir()).read_bytes())
        write_passcode(home / "passcode", "only for this")
        for name in [None, *options.only]:
            try:
                seen = beside(name, home, model, options.rows, options.seconds)
            except SystemExit:  # another program has taken the port that was free
                seen = beside(name, home, model, options.rows, options.seconds)
            lines.append(row(name, seen))
            print(*lines[-1], sep=" | ", file=sys.stderr, flush=True)
    head = ("two hostile clients with 64 connections each", "ordinary requests answered", "p50",
            "p99", "worst", "99 % answered, p99 under 200 ms")  # fmt: skip
    about = (
        f"{options.rows:,} images; {options.seconds:.0f} s each. Processes that wanted a processor "
        f"before it began, of whatever else runs on the machine: {busy:.0f}. {machine()}."
    )
    publish("attacks", "\n".join([*markdown(head, lines), "", about]), options.write)


if __name__ == "__main__":
    main()
