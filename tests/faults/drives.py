"""Indexes a library over two drives, one of which goes away; run in a mount namespace of its own.

    unshare --map-root-user --mount python -m tests.faults.drives FOLDER

Prints one JSON object for each run: what it did, and how many vectors were made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from edge_app.config import Limits
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer
from edge_app.photos.children.pool import DecodePool
from tests.fakes import SIZE_PX, FakeEmbedder
from tools.testing.pictures import save

HERE, ON_DRIVE = 12, 6


def mount(*words: object) -> None:
    subprocess.run(["mount", *map(str, words)], check=True)


def run(folder: Path) -> None:
    embedder, limits = FakeEmbedder(), Limits()
    with (
        Writer(folder / "index", folder / "library", embedder.identity) as writer,
        DecodePool(SIZE_PX, limits, workers=1, nice=0) as pool,
    ):
        report = indexer.index(folder / "library", writer, pool, embedder, limits)
    print(json.dumps(report.as_json() | {"embedded": embedder.calls}), flush=True)


@contextmanager
def pulled_in_the_middle(drive: Path, place: Path) -> Iterator[None]:
    """The drive is unmounted when most of it has been listed."""
    late = drive / "late"
    save(late / "x.png", 200)
    run(drive.parent)
    listing = os.scandir

    def pull(folder: str) -> object:
        if folder.endswith("late"):
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        return listing(folder)

    with patch.object(os, "scandir", pull):
        yield


def main(folder: Path) -> None:
    library, drive, place = folder / "library", folder / "drive", folder / "library/my drive"
    for number in range(HERE):
        save(library / f"{number}.png", number)
    for number in range(ON_DRIVE):
        save(drive / f"{number}.png", 100 + number)
    place.mkdir()
    mount("--bind", drive, place)
    run(folder)
    subprocess.run(["umount", str(place)], check=True)
    run(folder)
    mount("--bind", drive, place)
    run(folder)
    (drive / "0.png").unlink()
    run(folder)
    with pulled_in_the_middle(drive, place):
        run(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
