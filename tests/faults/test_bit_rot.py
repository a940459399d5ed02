"""`check` finds every flipped bit of what the index holds, and nothing where nothing is wrong."""

from __future__ import annotations

import os
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from edge_app.errors import StoreError
from edge_app.index.format.appendfile import HEADER_BYTES
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.generation import columns
from edge_app.index.format.records import RejectedRecord
from edge_app.index.format.schema import CATALOG
from edge_app.index.repair.check import check
from edge_app.index.write.batch import Batch
from tests.indexes import new_image, writer_of

FLIPS = 1000 * (20 if os.environ.get("FAULTS") == "long" else 1)
SEED = int(os.environ.get("FAULTS_SEED", "0"))
TILES = 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an index of forty images, some rows of which are dead."""
    with writer_of(tmp_path, tiles=TILES) as writer:
        names = [f"{number % 4}/{number}.jpg" for number in range(48)]
        writer.commit(Batch(images=[new_image(name, tiles=TILES) for name in names]))
        broken = [RejectedRecord(f"{number}.gif", 7, 8, "cut short") for number in range(5)]
        writer.commit(Batch(removed=list(range(1, 9)), rejected=broken))
    return tmp_path


def flip(path: Path, bit: int) -> None:
    with open(path, "r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def test_a_sound_index_has_no_problems(folder: Path) -> None:
    report = check(folder / "index")
    assert (report.images, report.rows, report.thumbnails, report.rejected) == (40, 40, 40, 5)
    assert report.problems == []


def test_every_flipped_bit_of_vectors_codes_tiles_and_thumbnails_is_found(folder: Path) -> None:
    index, rng = folder / "index", random.Random(SEED)
    live = live_ranges(index)
    sizes = [end - start for _, start, end in live]
    found: Counter[str] = Counter()
    for _ in range(FLIPS):
        path, start, end = rng.choices(live, sizes)[0]
        bit = rng.randrange(8 * start, 8 * end)
        flip(path, bit)
        problems = [str(problem) for problem in check(index).problems]
        assert len(problems) == 1, (path.name, bit)
        assert path.name in problems[0].split(":")[0], problems
        found[path.name.split("-")[0]] += 1
        flip(path, bit)
    print(f"bit rot: {found.total()} flips found of {FLIPS}, {dict(found)}")
    assert check(index).problems == []


def live_ranges(index: Path) -> list[tuple[Path, int, int]]:
    """(file, first byte, byte behind the last) of all that is live, headers included."""
    with closing(Catalog.connect(index / CATALOG, "mode=ro")) as catalog:
        thumbs = index / f"thumbs-{catalog.state().thumbs_generation}.bin"
        ranges = [(thumbs, 0, HEADER_BYTES)]
        for image in catalog.images(0, 1000):
            start = HEADER_BYTES + image.thumb_offset
            ranges.append((thumbs, start, start + image.thumb_bytes))
        for number, record in catalog.generations().items():
            for column in columns(record):
                ranges.append((index / column.name, 0, HEADER_BYTES))
                for row in catalog.rows(number, 0, 1000):
                    start = HEADER_BYTES + row.row * column.header.item_bytes
                    ranges.append((index / column.name, start, start + column.header.item_bytes))
    return ranges


def test_every_flipped_bit_of_the_catalogue_is_found(folder: Path) -> None:
    """But for those that change nothing: in bytes a page does not use, in counters of SQLite."""
    index, rng = folder / "index", random.Random(SEED)
    path = index / CATALOG
    sound, contents = path.read_bytes(), contents_of(path)
    # Long runs of zeros are the unused middle of a page.
    used = [place for place in range(len(sound)) if any(sound[max(0, place - 8) : place + 8])]
    found = harmless = 0
    while found < FLIPS:
        path.write_bytes(sound)
        bit = 8 * rng.choice(used) + rng.randrange(8)
        flip(path, bit)
        if something_is_said(index):
            found += 1
        else:
            assert contents_of(path) == contents, f"bit {bit} bends the catalogue unseen"
            harmless += 1
    print(f"bit rot: {found} flips of the catalogue found, {harmless} others changed nothing")
    path.write_bytes(sound)
    assert check(index).problems == []


def something_is_said(index: Path) -> bool:
    """A bit of the version's number makes a newer version of it, which is said and left alone."""
    try:
        return bool(check(index).problems)
    except StoreError as error:
        assert "was made by a newer version of Lookalike" in str(error)
        return True


def contents_of(path: Path) -> list[str]:
    """All that SQLite finds in a catalogue."""
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return list(connection.iterdump())
