"""Reads indexes on read-only media; run as a program in a mount namespace of its own.

    unshare --map-root-user --mount python -m tests.faults.readonly FOLDER

Prints one JSON object for each way a writer may have left an index.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from edge_app.errors import StoreError
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from edge_app.index.write.batch import Batch
from edge_app.index.write.writer import Writer
from tests.indexes import MODEL, new_image, view

IMAGES = 30


def write(index: Path, library: Path) -> Writer:
    writer = Writer(index, library, MODEL)
    for number in range(IMAGES):
        writer.commit(Batch(images=[new_image(f"{number}.jpg")]))
    return writer


def add(media: Path, library: Path) -> None:
    with Writer(media / "index", library, MODEL) as writer:
        writer.commit(Batch(images=[new_image("later.jpg")]))


def left_by_a_closed_writer(index: Path, library: Path) -> None:
    write(index, library).close()


def left_by_a_killed_writer(index: Path, library: Path) -> None:
    """With the log of the last commits, and its shared memory."""
    child = os.fork()
    if child == 0:
        write(index, library)
        os._exit(0)
    os.waitpid(child, 0)


def copied_from_a_live_writer(index: Path, library: Path) -> None:
    """With the log, without shared memory."""
    left_by_a_killed_writer(index, library)
    (index / "catalog.db-shm").unlink()


def remount(media: Path, how: str) -> None:
    """With the source named: else mount repeats options, of which "uid" may be unknown here."""
    subprocess.run(["mount", "-o", f"remount,{how}", "tmpfs", media], check=True)


def examine(folder: Path, leave: Callable[[Path, Path], None]) -> dict[str, object]:
    media, library = folder / "media", folder / "library"
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", media], check=True)
    leave(media / "index", library)
    log = media / "index" / "catalog.db-wal"
    had_log = log.exists() and log.stat().st_size > 0
    remount(media, "ro")
    try:
        Writer(media / "index", library, MODEL)
        refused = ""
    except StoreError as error:
        refused = str(error)
    with Reader(media / "index") as server:
        served = server.counts().images
        remount(media, "rw")
        writer = multiprocessing.get_context("spawn").Process(target=add, args=(media, library))
        writer.start()
        writer.join()
        remount(media, "ro")
        served_later = server.counts().images
    found = {
        "left": leave.__name__,
        "served": served,
        "served_later": served_later,
        "had_log": had_log,
        "images": len(view(media / "index").images),
        "problems": [str(problem) for problem in check(media / "index").problems],
        "refused": refused,
    }
    subprocess.run(["umount", media], check=True)
    return found


if __name__ == "__main__":
    for leave in (left_by_a_closed_writer, left_by_a_killed_writer, copied_from_a_live_writer):
        print(json.dumps(examine(Path(sys.argv[1]), leave)), flush=True)
