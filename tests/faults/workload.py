"""What a writer goes through in its life, step by step; run as a program it reports each one.

python -m tests.faults.workload FOLDER [SABOTAGE]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_app.index.format.appendfile import AppendFile
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.records import RejectedRecord
from edge_app.index.write import session
from edge_app.index.write.batch import Batch, Moved, NewImage
from edge_app.index.write.writer import Writer
from tests.indexes import DIM, MODEL, OTHER_MODEL, new_image, to_first_layout, writer_of

Step = Callable[[Writer], object]


def added(first: int, count: int, dim: int = DIM, tiles: int = 0) -> list[NewImage]:
    return [
        new_image(f"{i % 3}/{i}.jpg", dim=dim, tiles=tiles) for i in range(first, first + count)
    ]


def commit(**changes: object) -> Step:
    return lambda writer: writer.commit(Batch(**changes))  # type: ignore[arg-type]


def all_again(writer: Writer) -> None:
    """Embed with this writer's model what is in the catalogue, in one batch."""
    writer.commit(
        Batch(
            images=[
                new_image(path, dim=writer.identity.dim, tiles=writer.tiles)
                for path, known in writer.known().items()
                if not known.embedded
            ]
        )
    )


def older_layout(writer: Writer) -> None:
    """What a program of before left, which the next use of the writer converts."""
    writer._drop()
    to_first_layout(writer.index)


def steps() -> Iterator[tuple[str, Step]]:
    """(name of the writer to use, what to do with it); each step changes the index at most once."""
    for first in range(0, 12, 4):
        yield "first", commit(images=added(first, 4))
    yield "first", commit(images=[new_image("0/0.jpg", version=1)], removed=[2])
    swapped = [Moved(3, "0/3.jpg", 30, 31), Moved(4, "moved/2.jpg", 40, 41)]
    yield "first", commit(moved=swapped, offline=[5, 6])
    yield "first", commit(rejected=[RejectedRecord("1/7.jpg", 1, 2, "cut short")], online=[5])
    yield "again", commit(images=added(12, 4))
    yield "again", older_layout
    yield "again", commit(removed=[6, 7, 9, 10, 11])
    yield "again", Writer.finish  # over a quarter is dead by now: rewrites rows and thumbnails
    yield "again", commit(images=added(16, 3))
    yield "other model", commit(images=added(20, 2, OTHER_MODEL.dim))
    yield "other model", older_layout
    yield "other model again", all_again
    yield "other model again", Writer.finish  # switches
    yield "tiles", all_again
    yield "tiles", Writer.finish
    yield "tiles", commit(images=added(24, 3, tiles=2))
    yield "last", commit(images=added(27, 3, tiles=2), removed=[1])


def run(folder: Path, report: Callable[[int], object]) -> None:
    """Take every step; `report` is told how many steps are done."""
    (folder / "library").mkdir(parents=True, exist_ok=True)
    writer, name = None, None
    report(0)
    for number, (wanted, step) in enumerate(steps(), 1):
        if writer is None or wanted != name:
            if writer is not None:
                writer.close()
            model = OTHER_MODEL if wanted.startswith("other") else MODEL
            writer = writer_of(folder, model, tiles=2 if wanted in ("tiles", "last") else 0)
            name = wanted
        step(writer)
        report(number)
    assert writer is not None
    writer.close()


def sabotage(name: str) -> None:
    """Leave out one of the things that keep the index whole, to prove that the tests see it."""
    if name == "no vector sync":
        sync = AppendFile.sync
        AppendFile.sync = lambda file: file.header.kind == "vectors" or sync(file)  # type: ignore
    elif name == "no folder sync":
        session.sync_folder = lambda folder: None  # type: ignore[attr-defined]
    elif name == "no full sync":
        connect = Catalog.connect

        def lazily_connect(path: Path, options: str) -> Catalog:
            catalog = connect(path, options)
            catalog.connection.execute("PRAGMA synchronous = NORMAL")
            return catalog

        Catalog.connect = lazily_connect  # type: ignore[method-assign]


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sabotage(sys.argv[2])
    # One system call each, whatever Python does about buffers.
    run(Path(sys.argv[1]), lambda number: os.write(1, b"reported %d\n" % number))
