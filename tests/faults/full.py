"""Fills small disks with an index; run as a program in a mount namespace of its own.

    unshare --map-root-user --mount python -m tests.faults.full FOLDER FIRST_KIB LAST_KIB STEP_KIB

Prints one JSON object for each disk.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from edge_app.errors import DiskFullError
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from edge_app.index.write.batch import Batch
from edge_app.index.write.writer import Writer
from tests.indexes import MODEL, new_image, view

BATCH = 8


def batch(number: int) -> Batch:
    names = range(number * BATCH, (number + 1) * BATCH)
    return Batch(images=[new_image(f"{name % 5}/{name}.jpg") for name in names])


def fill(folder: Path, size_kib: int) -> dict[str, object]:
    """Commit to a disk of that size until it is full, then give it room and go on."""
    disk, library = folder / "disk", folder / "library"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", disk], check=True)
    committed, message, opened = 0, "", True
    try:
        with (
            Reader(disk / "index") as serving,
            Writer(disk / "index", library, MODEL) as writer,
        ):
            serving.snapshot()
            try:
                while True:
                    writer.commit(batch(committed))
                    committed += 1
            except DiskFullError as error:
                message = str(error)
            served_while_full = serving.snapshot().live.sum() == committed * BATCH
    except DiskFullError as error:  # too small even for an empty index
        message, opened, served_while_full = str(error), False, True
    read_while_full = not opened or len(view(disk / "index").images) == committed * BATCH

    # With the source named: else mount repeats options, of which "uid" may be unknown here.
    subprocess.run(["mount", "-o", "remount,size=8m", "tmpfs", disk], check=True)
    with Writer(disk / "index", library, MODEL) as writer:
        resumed_at = len(writer.known()) // BATCH
        for number in range(resumed_at, resumed_at + 3):
            writer.commit(batch(number))
    problems = [str(problem) for problem in check(disk / "index").problems]
    images = len(view(disk / "index").images)
    subprocess.run(["umount", disk], check=True)
    return {
        "size_kib": size_kib,
        "opened": opened,
        "committed": committed,
        "message": message,
        "served_while_full": bool(served_while_full),
        "read_while_full": read_while_full,
        "resumed_at": resumed_at,
        "images": images,
        "problems": problems,
    }


if __name__ == "__main__":
    for size_kib in range(*map(int, sys.argv[2:])):
        print(json.dumps(fill(Path(sys.argv[1]), size_kib)), flush=True)
