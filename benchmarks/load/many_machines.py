"""A cluster on a network of its own: machines die, are cut off and join while it works.

    python -m benchmarks.load.many_machines [faults|efficiency …] --write docs/many-machines.md

`efficiency` also writes what is worked out from it, up to a billion photos.

Scheduler, machines and whoever asks are network namespaces with an address each. As root.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load import millions
from benchmarks.load.clustertables import of_efficiency, of_faults, on_paper
from benchmarks.load.clusterwork import CORES, DIM, K, by_itself, efficiency, measured
from benchmarks.load.network import END_S, Cluster, network, possible
from benchmarks.load.servers import ROOT
from edge_app.cluster.over import joined
from edge_app.config import Config, Limits
from edge_app.index.read.reader import Reader
from edge_app.search.vectors.exact import similar_many
from tools.report import publish
from tools.testing.pictures import save

SEARCHERS = 3


def index_with_faults(cluster: Cluster, library: Path, model: Path, photos: int) -> dict[str, Any]:
    """Index while one machine is killed, one is cut off and one joins."""
    options = ("--gallery", library, "--model", model, "--workers", 2)
    killed, cut, _ = (cluster.worker(*options) for _ in range(3))
    words = ("index", "--gallery", library, "--model", model, "--json")
    run = cluster.asker.start(
        "edge_app", *words, "--index", cluster.home / "together", "--cluster", cluster.address,
        *cluster.tls, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert run.stdout
    by: dict[str, int] = {}
    began, stage, told = time.monotonic(), 0, {}
    for line in run.stdout:
        told = json.loads(line)
        by = told.get("progress", {}).get("machines", by)
        done = sum(by.values())
        if stage == 0 and done:
            killed.processes[0].kill()
            stage = 1
        elif stage == 1 and done > photos / 8:
            cut.cut_off()
            cluster.worker(*options)
            stage = 2
    seconds = time.monotonic() - began
    assert run.wait(END_S) == 0
    subprocess.run(
        [sys.executable, "-m", "edge_app", *map(str, words), "--index", cluster.home / "alone"],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    same = rows(cluster.home / "together") == rows(cluster.home / "alone")
    by_machines = sum(done for name, done in by.items() if name != "this machine")
    return {
        "added": told["added"], "by_machines": by_machines, "faults": stage, "same": same,
        "seconds": round(seconds, 1),
    }  # fmt: skip


def rows(index: Path) -> dict[str, bytes]:
    """The bytes of each vector, by path."""
    with closing(Reader(index)) as reader:
        snapshot = reader.snapshot()
        images = {image.id: image.path for image in reader.images(snapshot.ids.tolist())}
        return {
            images[id]: np.asarray(snapshot.vectors[row]).tobytes()
            for row, id in enumerate(snapshot.ids.tolist())
            if id in images
        }


def search_with_faults(cluster: Cluster, index: Path, queries: int) -> dict[str, Any]:
    """Search while the same happens; every answer is compared with one machine's."""
    killed, cut, *_ = (cluster.worker("--index", index) for _ in range(SEARCHERS))
    asking = cluster.asker.start(
        __spec__.name, "ask", "--address", cluster.address, "--keys", cluster.home / "keys",
        "--index", index, "--queries", queries,
    )  # fmt: skip
    assert asking.stdout
    told: dict[str, Any] = {}
    for line in asking.stdout:
        told = json.loads(line)
        if told.get("asked") == queries // 4:
            killed.processes[0].kill()
        elif told.get("asked") == queries // 2:
            cut.cut_off()
        elif told.get("asked") == 3 * queries // 4:
            cluster.worker("--index", index)
    assert asking.wait(END_S) == 0
    return told


def ask(address: str, keys: Path, index: Path, queries: int) -> None:
    """Ask, compare, and print how far it is; run on a machine of the network."""
    config = Config(cluster=address, cluster_tls=keys, limits=Limits())
    with joined(config) as over, closing(Reader(index)) as reader:
        assert over.machines
        snapshot = reader.snapshot()
        while len(over.machines.addresses(snapshot)) < SEARCHERS:
            time.sleep(0.1)
        picked = np.random.default_rng(0).integers(0, snapshot.rows, queries)
        together_s, alone_s, wrong = [], [], 0
        for number, row in enumerate(picked, 1):
            query = snapshot.read_rows(np.array([row]))
            began = time.perf_counter()
            found = similar_many(snapshot, query, K, rank=over.rank)
            together_s.append(time.perf_counter() - began)
            began = time.perf_counter()
            wrong += found != similar_many(snapshot, query, K)
            alone_s.append(time.perf_counter() - began)
            if number % (queries // 4) == 0:
                print(json.dumps({"asked": number}), flush=True)
        states = [one.state for one in over.machines.states(snapshot)]
        searched = sum(one.searched for one in over.machines.states(snapshot))
    print(
        json.dumps(
            {
                "queries": queries, "wrong": wrong, "rows": snapshot.rows, "states": states,
                "searched": searched, "slowest_s": round(max(together_s), 2),
                "median_ms": round(1000 * float(np.median(together_s)), 1),
                "alone_ms": round(1000 * float(np.median(alone_s)), 1),
            }
        ),
        flush=True,
    )  # fmt: skip


def faults(home: Path, model: Path, photos: int, images: int, queries: int) -> dict[str, Any]:
    """Everything that may go wrong, and what came of it."""
    library = home / "library"
    for seed in range(photos):
        save(library / f"{seed % 17}/{seed}.jpg", seed, width_px=320, height_px=240)
    searched = home / "searched"
    millions.make(searched, images, DIM)
    with network() as net:
        cluster = Cluster(net, home)
        indexed = index_with_faults(cluster, library, model, photos)
        ended_s = cluster.end()
    shutil.rmtree(home / "keys")
    with network() as net:
        cluster = Cluster(net, home)
        answered = search_with_faults(cluster, searched / "index", queries)
        ended_s = max(ended_s, cluster.end())
    return {"indexed": indexed, "answered": answered, "ended_s": round(ended_s, 1)}


def main() -> None:
    """Measure, and print or write what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load.many_machines", description=__doc__
    )
    what = ("faults", "efficiency", "ask")
    parser.add_argument("what", choices=what, nargs="?", default=what[0])
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--model", type=Path, default=Config().model)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, metavar="FILE")
    for name, kind in (("--address", str), ("--keys", Path), ("--index", Path)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "ask":
        ask(options.address, options.keys, options.index, options.queries)
        return
    if why := possible():
        sys.exit(why)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing of the network stays
    model = options.model.resolve()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if options.what == "faults":
            found = faults(home, model, options.photos, options.rows, options.queries)
            texts = {"cluster faults": of_faults(found)}
        else:
            found = efficiency(home, model, options.photos)
            paper = measured(found, by_itself(home / "alone", options.rows))
            texts = {
                "cluster efficiency": of_efficiency(found, CORES),
                "cluster on paper": on_paper(paper),
            }
    if options.json:
        print(json.dumps(found))
        return
    for name, text in texts.items():
        publish(name, text, options.write)


if __name__ == "__main__":
    main()
