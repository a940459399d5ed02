"""What more machines bring, and what the arithmetic for many of them stands on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load import millions
from benchmarks.load.clustertables import Measured
from benchmarks.load.network import Cluster, network
from edge_app.bench.photos import make_photos
from edge_app.index.read.reader import Reader
from edge_app.model.card import ModelCard
from edge_app.search.alike.duplicates import link
from edge_app.search.vectors.exact import similar_many

CORES = 0.3  # of each machine, so that three fit beside what asks
DIM = 256
K = 50
SCANS = 20
COMPARED = 100_000  # rows, with one another


def efficiency(home: Path, model: Path, photos: int) -> dict[str, Any]:
    """Photos a second with one machine, two and three, each with a part of a processor."""
    library = home / "library"
    library.mkdir()
    make_photos(library, 8)
    originals = sorted(library.iterdir())
    for number in range(photos - len(originals)):  # others to the index: a few bytes at the end
        data = originals[number % len(originals)].read_bytes() + b"%d" % number
        (library / f"{number}.jpg").write_bytes(data)
    rates: dict[int, float] = {}
    traffic: dict[int, dict[str, float]] = {}  # bytes a photo, over the network
    client_cpu_s = 0.0
    for count in (1, 2, 3):
        with network() as net:
            cluster = Cluster(net, home)
            members = {"writer": cluster.asker, "scheduler": cluster.scheduler}
            for _ in range(count):
                cluster.worker("--gallery", library, "--model", model, "--workers", 1, cores=CORES)
            sent = {name: member.traffic_bytes() for name, member in members.items()}
            before = os.times()
            run = cluster.asker.start(
                "edge_app", "index", "--gallery", library, "--model", model, "--json", "--index",
                home / f"index{count}", "--cluster", cluster.address, *cluster.tls,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            out, _ = run.communicate()
            assert run.returncode == 0
            after = os.times()
            lines = [json.loads(line) for line in out.splitlines()]
            report, by = lines[-1], lines[-2]["progress"]["machines"]
            assert report["added"] == photos
            assert len(by) == count and "this machine" not in by, by
            rates[count] = photos / report["seconds"]
            traffic[count] = {
                name: (member.traffic_bytes() - sent[name]) / photos
                for name, member in members.items()
            }
            client_cpu_s = (
                after.children_user + after.children_system
                - before.children_user - before.children_system
            )  # fmt: skip
            cluster.end()
        shutil.rmtree(home / "keys")
    (thumbnails,) = (home / "index1").glob("thumbs-*")
    return {
        "photos": photos, "dim": ModelCard.load(model).dim, "rates": rates, "network": traffic,
        "client_ms": 1000 * client_cpu_s / photos,
        "thumbnail_bytes": thumbnails.stat().st_size / photos,
    }  # fmt: skip


def by_itself(home: Path, rows: int) -> dict[str, float]:
    """What one machine takes for an index: bytes a photo, and how fast it reads and compares."""
    millions.make(home, rows, DIM)
    parts: Counter[str] = Counter()
    for file in (home / "index").iterdir():
        parts[file.name.partition("-")[0]] += file.stat().st_size
    with closing(Reader(home / "index")) as reader:
        snapshot = reader.snapshot()
        queries = snapshot.read_rows(np.linspace(0, rows - 1, SCANS, dtype=np.intp))
        took_s = []
        for query in queries:
            began = time.perf_counter()
            similar_many(snapshot, query[np.newaxis], K)
            took_s.append(time.perf_counter() - began)
        compared = snapshot.between(0, min(rows, COMPARED))
        began = time.perf_counter()
        link(compared, 0.9)
        compare_s = time.perf_counter() - began
    code_bytes = (parts["codes"] + parts["bounds"]) / rows
    return {
        "vector_bytes": parts["vectors"] / rows, "code_bytes": code_bytes,
        "catalogue_bytes": parts["catalog.db"] / rows,
        "scan_bytes_per_s": rows * code_bytes / float(np.median(took_s)),
        "pairs_per_s": compared.rows**2 / 2 / compare_s,
    }  # fmt: skip


def measured(found: dict[str, Any], alone: dict[str, float]) -> Measured:
    """Of the run of `efficiency` with one machine, and of one index. Over the network went vectors
    of the model's dimensions, which are more."""
    more_bytes = 4 * (found["dim"] - DIM)
    return Measured(
        thumbnail_bytes=found["thumbnail_bytes"],
        network_bytes=found["network"][1]["writer"] - more_bytes,
        embed_s=CORES / found["rates"][1], writer_s=found["client_ms"] / 1000, **alone,
    )  # fmt: skip
