"""A killed writer has lost nothing it reported, and the next one starts at once."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path

from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from tests.faults.killed import paths_after, write_on
from tests.indexes import view

KILLS = 200 * (50 if os.environ.get("FAULTS") == "long" else 1)
SEED = int(os.environ.get("FAULTS_SEED", "0"))


def test_a_killed_writer_has_lost_nothing_it_reported(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    starting = multiprocessing.get_context("forkserver")  # forks of a process without threads
    starting.set_forkserver_preload(["tests.faults.killed"])
    (tmp_path / "library").mkdir()
    reported = unreported = 0
    with Reader(tmp_path / "index") as reader:  # a server that goes on reading all the time
        for kill in range(KILLS):
            receiving, sending = starting.Pipe(duplex=False)
            writer = starting.Process(target=write_on, args=(tmp_path, sending))
            writer.start()
            sending.close()
            for _ in range(rng.randrange(4)):
                reported = receiving.recv()
            time.sleep(rng.choice([0.001, 0.01, 0.1]) * rng.random())
            writer.kill()
            writer.join()
            try:
                while True:
                    reported = receiving.recv()
            except EOFError:
                receiving.close()

            where = f"kill {kill} of seed {SEED}, after {reported} commits"
            if not (tmp_path / "index" / "catalog.db").exists():
                assert reported == 0, where
                continue
            found = frozenset(path for path, _ in view(tmp_path / "index").images)
            assert found in (paths_after(reported), paths_after(reported + 1)), where
            unreported += found != paths_after(reported)
            reported += found != paths_after(reported)
            assert check(tmp_path / "index").problems == [], where
            assert reader.counts().images == len(found), where
    print(f"kills: {KILLS}, {reported} commits, {unreported} of them just before their report")
