"""An import that is killed has lost nothing it reported, and goes on where it was."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import time
from multiprocessing.connection import Connection
from pathlib import Path

from edge_app.config import Limits
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer
from edge_app.indexing.takeover import take_over
from edge_app.photos.children.pool import DecodePool
from tests.fakes import SIZE_PX, FakeEmbedder
from tools.testing.pictures import picture

KILLS = 25 * (50 if os.environ.get("FAULTS") == "long" else 1)
SEED = int(os.environ.get("FAULTS_SEED", "0"))
IMAGES = 120


def import_on(folder: Path, reports: Connection) -> None:
    """Take over what is not here yet, two images a commit; report how many files that makes."""
    root = folder / "library"
    with Writer(folder / "index", root, FakeEmbedder().identity) as writer:
        before = len(writer.known())
        take_over(folder / "donor", root, writer, 2, lambda p: reports.send(before + p.done))


def make_donor(folder: Path) -> None:
    root, embedder, limits = folder / "library", FakeEmbedder(), Limits()
    root.mkdir()
    for number in range(IMAGES):
        picture(number, 16, 16).save(root / f"{number}.bmp")
    with (
        Writer(folder / "donor", root, embedder.identity) as writer,
        DecodePool(SIZE_PX, limits, workers=2, nice=0) as pool,
    ):
        indexer.index(root, writer, pool, embedder, limits)


def vectors(index: Path) -> dict[str, bytes]:
    """Each path's vector."""
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        return {
            image.path: snapshot.vectors[snapshot.row_of(image.id)].tobytes()
            for image in reader.page(limit=1000).items
        }


def test_a_killed_import_has_lost_nothing_it_reported(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    starting = multiprocessing.get_context("forkserver")
    starting.set_forkserver_preload(["tests.faults.test_kill_import"])
    make_donor(tmp_path)
    wanted, index = vectors(tmp_path / "donor"), tmp_path / "index"
    completed = reported = 0
    for kill in range(KILLS):
        receiving, sending = starting.Pipe(duplex=False)
        process = starting.Process(target=import_on, args=(tmp_path, sending))
        process.start()
        sending.close()
        try:
            for _ in range(rng.randrange(IMAGES // 6)):
                reported = receiving.recv()
            time.sleep(0.005 * rng.random())
            process.kill()
            while True:
                reported = receiving.recv()
        except EOFError:
            process.join()
            receiving.close()
        where = f"kill {kill} of seed {SEED}, {reported} reported"
        if not (index / "catalog.db").exists():
            assert reported == 0, where
            continue
        found = vectors(index)
        assert reported <= len(found) <= reported + 2, where  # one commit may be unreported
        assert found.items() <= wanted.items(), where
        assert check(index).problems == [], where
        reported = len(found)
        if reported == IMAGES:
            completed += 1
            reported = 0
            shutil.rmtree(index)
    assert completed, "no import came to its end"
    assert check(tmp_path / "donor").problems == []
    assert vectors(tmp_path / "donor") == wanted
    print(f"kills: {KILLS}, {completed} imports completed in between")
