"""A writer that goes on where the last one was killed; what is in its index follows from a number.

Commit n adds three images and removes those of commit n - 8. The files are rewritten over and over
on the way, as soon as a quarter of them is dead.
"""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from edge_app.index.write.batch import Batch
from tests.indexes import new_image, writer_of

KEPT = 8


def images_of(commit: int) -> list[str]:
    return [f"{commit:06d}/{letter}.jpg" for letter in "abc"]


def paths_after(commits: int) -> frozenset[str]:
    """What the index holds after so many commits."""
    numbers = range(max(0, commits - KEPT), commits)
    return frozenset(path for number in numbers for path in images_of(number))


def write_on(folder: Path, reports: Connection) -> None:
    """Commit without end, and report each commit when it is done."""
    with writer_of(folder) as writer:
        known = writer.known()
        number = max((int(path.split("/")[0]) + 1 for path in known), default=0)
        while True:
            old = [known[path].id for path in images_of(number - KEPT) if path in known]
            writer.commit(Batch(images=[new_image(p) for p in images_of(number)], removed=old))
            number += 1
            reports.send(number)
            if number % 3 == 0:
                writer.finish()
            known = writer.known()
