"""What `bench serve` measures, each in a process: `python -m edge_app.bench.child ROLE INDEX …`.

serve INDEX            a server that indexes nothing; prints its port, answers until SIGTERM
scan INDEX K SECONDS   bare scans, one for each core, for so long; prints how many a second
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np

from edge_app.api import pace
from edge_app.api.monitor import HEALTH
from edge_app.api.routes import make_app
from edge_app.config import Config
from edge_app.guard import serve as guard
from edge_app.index.read.reader import Reader
from edge_app.indexing.watch import Watcher
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery

HOST = "127.0.0.1"


def main() -> None:
    """Take the role that the command line says."""
    role, index, *rest = sys.argv[1:]
    if role == "serve":
        serve(Path(index))
    else:
        _tell(scans_per_s(Path(index), int(rest[0]), float(rest[1])))


def serve(index: Path) -> None:
    """Serve an index on a free port of loopback."""
    config = Config(index=index, host=HOST, port=0)
    gallery = Gallery(config)
    app = make_app(gallery, Watcher(config, watch=False), Review(gallery.reader))
    guard.serve(
        app,
        config,
        on_ready=lambda urls: _tell(urls[0].rstrip("/").split(":")[-1]),
        open_paths={HEALTH},
        pace=pace,
    )


def scans_per_s(index: Path, k: int, seconds: float) -> float:
    """How often `vectors @ query` and its k largest are found, in a thread for each core."""
    snapshot = Reader(index).snapshot()
    counts = []

    def scan(seed: int) -> None:
        chance, count = np.random.default_rng(seed), 0
        end_s = time.perf_counter() + seconds
        while time.perf_counter() < end_s:
            scores = snapshot.vectors @ snapshot.vectors[chance.integers(snapshot.rows)]
            best = np.argpartition(scores, -k)[-k:]
            best[np.argsort(-scores[best])]
            count += 1
        counts.append(count)

    cores = len(os.sched_getaffinity(0))
    threads = [threading.Thread(target=scan, args=(seed,)) for seed in range(cores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def _tell(value: object) -> None:
    sys.stdout.write(f"{value}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
