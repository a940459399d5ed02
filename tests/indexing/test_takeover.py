"""takeover: machines that share the work of indexing end with what one of them would have made."""

from __future__ import annotations

import os
import shutil
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge_app.config import Limits
from edge_app.errors import StoreError, UsageError
from edge_app.index.format.appendfile import HEADER_BYTES
from edge_app.index.format.records import record_crc
from edge_app.index.format.schema import CATALOG
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer
from edge_app.indexing.plan import IndexReport, Progress
from edge_app.indexing.takeover import take_over
from edge_app.photos.children.pool import DecodePool
from edge_app.photos.regions import TILES
from tests.fakes import SIZE_PX, FakeEmbedder
from tools.testing.pictures import save

LIMITS = Limits()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "BATCH_IMAGES", 4)


Run = Callable[..., IndexReport]


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def run(embedder: FakeEmbedder) -> Run:
    """An index run as the command line makes it, `--import` included."""

    def once(
        root: Path,
        index: Path,
        donor: Path | None = None,
        embedder: FakeEmbedder = embedder,
        tiles: int = 0,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> IndexReport:
        with (
            Writer(index, root, embedder.identity, tiles) as writer,
            DecodePool(SIZE_PX, LIMITS, workers=1, nice=0) as pool,
        ):
            imported = take_over(donor, root, writer, 4, on_progress) if donor else 0
            report = indexer.index(root, writer, pool, embedder, LIMITS)
            report.imported = imported
            return report

    return once


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Twelve images in three folders, each another."""
    for number in range(12):
        save(tmp_path / f"library/{number % 3}/{number}.png", number)
    return tmp_path / "library"


def everything(index: Path) -> dict[str, tuple[object, ...]]:
    """What an index says of each path, but for ids, rows and places in files."""
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        return {
            image.path: (
                image.content, image.width_px, image.height_px, image.format, image.taken_at,
                image.camera, image.offline, reader.thumbnail(image.id),
                snapshot.vectors[snapshot.row_of(image.id)].tobytes(),
                snapshot.codes[snapshot.row_of(image.id)].tobytes(),
                snapshot.tiles is not None
                and snapshot.tiles[snapshot.row_of(image.id)].tobytes(),
            )
            for image in reader.page(limit=1000).items
        }  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    # SQLite's log, empty here, and its shared memory come and go with readers.
    passing = ("-shm", "-wal")
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.endswith(passing)}


@pytest.mark.parametrize("factor", [1000, 0, float("nan"), float("inf"), 1.01])
def test_a_vector_that_is_not_of_length_1_is_not_taken_over(
    tmp_path: Path, library: Path, run: Run, factor: float
) -> None:
    """One times 1000 ranked first in every search; whoever makes an index makes its CRCs too."""
    run(library, tmp_path / "donor")
    with closing(sqlite3.connect(tmp_path / "donor" / CATALOG)) as catalog, catalog:
        *values, _ = catalog.execute("SELECT * FROM rows WHERE row = 3").fetchone()
        (file,) = (tmp_path / "donor").glob("vectors-*")
        size_bytes = (file.stat().st_size - HEADER_BYTES) // 12
        data = bytearray(file.read_bytes())
        place = slice(HEADER_BYTES + 3 * size_bytes, HEADER_BYTES + 4 * size_bytes)
        vector = np.frombuffer(data[place], "<f4") * np.float32(factor)
        data[place] = vector.tobytes()
        file.write_bytes(data)
        values[3] = zlib.crc32(vector.tobytes())
        catalog.execute(
            "UPDATE rows SET vector_crc = ?, crc = ? WHERE row = 3", (values[3], record_crc(values))
        )
    report = run(library, tmp_path / "index", donor=tmp_path / "donor")
    assert (report.imported, report.added) == (11, 1)


def test_two_machines_share_a_library_and_end_with_what_one_would_have_made(
    tmp_path: Path, library: Path, run: Run, embedder: FakeEmbedder
) -> None:
    run(library, tmp_path / "alone")
    run(library / "0", tmp_path / "one")  # each has a part of it, mounted as it likes
    shutil.copytree(library / "1", tmp_path / "elsewhere")
    run(tmp_path / "elsewhere", tmp_path / "two")
    embedder.calls = 0
    first = run(library, tmp_path / "index", donor=tmp_path / "one")
    assert (first.imported, first.added, first.unchanged) == (4, 8, 4)
    assert embedder.calls == 8
    shutil.rmtree(tmp_path / "index")
    embedder.calls = 0
    with Writer(tmp_path / "index", library, embedder.identity) as writer:
        for part in ("one", "two"):
            assert take_over(tmp_path / part, library, writer, 4) == 4
    rest = run(library, tmp_path / "index")
    assert (rest.added, rest.unchanged, embedder.calls) == (4, 8, 4)
    assert everything(tmp_path / "index") == everything(tmp_path / "alone")
    assert check(tmp_path / "index").problems == []


def test_names_and_times_do_not_matter_and_the_donor_is_only_read(
    tmp_path: Path, library: Path, run: Run, embedder: FakeEmbedder
) -> None:
    run(library, tmp_path / "donor")
    before = contents(tmp_path / "donor")
    other = tmp_path / "other"
    for number, file in enumerate(sorted(library.rglob("*.png"))):
        shutil.copy(file, save(other / f"renamed {number}.png", 0))
    embedder.calls = 0
    report = run(other, tmp_path / "index", donor=tmp_path / "donor")
    assert (report.imported, report.added, embedder.calls) == (12, 0, 0)
    assert contents(tmp_path / "donor") == before


def test_files_of_other_libraries_are_left_where_they_are(
    tmp_path: Path, library: Path, run: Run
) -> None:
    run(library, tmp_path / "donor")
    save(tmp_path / "mine/a.png", 100)
    shutil.copy(library / "0/0.png", tmp_path / "mine/b.png")
    report = run(tmp_path / "mine", tmp_path / "index", donor=tmp_path / "donor")
    assert (report.imported, report.added, report.found) == (1, 1, 2)
    assert everything(tmp_path / "index").keys() == {"a.png", "b.png"}


def test_a_file_whose_row_is_here_already_gets_no_second_one(
    tmp_path: Path, library: Path, run: Run
) -> None:
    for index in ("donor", "index"):
        run(library, tmp_path / index)
    for file in library.rglob("*.png"):
        os.utime(file, (1, 1))
    report = run(library, tmp_path / "index", donor=tmp_path / "donor")
    assert (report.imported, report.moved) == (0, 12)
    with Reader(tmp_path / "index") as reader:
        assert reader.snapshot().live.tolist() == [True] * 12


def test_an_edited_file_gets_the_row_that_the_donor_has_of_it(
    tmp_path: Path, library: Path, run: Run, embedder: FakeEmbedder
) -> None:
    run(library, tmp_path / "index")
    save(library / "0/0.png", 77)
    run(library, tmp_path / "donor")
    embedder.calls = 0
    report = run(library, tmp_path / "index", donor=tmp_path / "donor")
    assert (report.imported, report.updated, embedder.calls) == (1, 0, 0)
    assert everything(tmp_path / "index") == everything(tmp_path / "donor")


def test_tiles_come_along(tmp_path: Path, library: Path, run: Run) -> None:
    run(library, tmp_path / "donor", tiles=len(TILES))
    assert run(library, tmp_path / "index", donor=tmp_path / "donor", tiles=len(TILES)).added == 0
    assert everything(tmp_path / "index") == everything(tmp_path / "donor")
    assert run(library, tmp_path / "without", donor=tmp_path / "donor").imported == 12


def test_what_has_rotted_is_not_taken_over_but_made_anew(
    tmp_path: Path, library: Path, run: Run, embedder: FakeEmbedder
) -> None:
    run(library, tmp_path / "donor")
    good = everything(tmp_path / "donor")
    for name, offset in (("vectors-1.f32", 5), ("thumbs-1.bin", 1)):
        with (tmp_path / "donor" / name).open("r+b") as file:
            file.seek(HEADER_BYTES + offset)
            flipped = bytes([file.read(1)[0] ^ 1])
            file.seek(HEADER_BYTES + offset)
            file.write(flipped)
    catalog = tmp_path / "donor/catalog.db"
    data = catalog.read_bytes()
    assert data.count(b"11.png") >= 1
    with Reader(tmp_path / "donor") as reader:
        content = next(i.content for i in reader.page(limit=99).items if i.path == "2/11.png")
    catalog.write_bytes(data.replace(content[:-1], bytes([content[0] ^ 1]) + content[1:-1]))
    embedder.calls = 0
    report = run(library, tmp_path / "index", donor=tmp_path / "donor")
    assert (report.imported, report.added, embedder.calls) == (10, 2, 2)
    assert everything(tmp_path / "index") == good


def test_progress_is_told_after_each_commit(tmp_path: Path, library: Path, run: Run) -> None:
    run(library, tmp_path / "donor")
    told: list[tuple[str, int, int, int]] = []

    def note(progress: Progress) -> None:
        with Reader(tmp_path / "index") as reader:
            counted = reader.counts().images
        told.append((progress.state, progress.done, progress.total, counted))

    run(library, tmp_path / "index", donor=tmp_path / "donor", on_progress=note)
    assert told == [("importing", done, 12, done) for done in (0, 4, 8, 12)]


# --- what is refused -----------------------------------------------------------------------------


def test_rows_of_another_model_are_refused_with_what_differs(
    tmp_path: Path, library: Path, run: Run
) -> None:
    run(library, tmp_path / "donor", embedder=FakeEmbedder("other"))
    with pytest.raises(StoreError, match=r"sha256 other0+ there and fake0+ here\); .*--model"):
        run(library, tmp_path / "index", donor=tmp_path / "donor")
    assert not everything(tmp_path / "index")


def test_an_index_without_tiles_is_no_help_to_one_with(
    tmp_path: Path, library: Path, run: Run
) -> None:
    run(library, tmp_path / "donor")
    with pytest.raises(StoreError, match=r"0 tiles per image, this index has 9; .*--tiles"):
        run(library, tmp_path / "index", donor=tmp_path / "donor", tiles=len(TILES))


def test_no_index_an_empty_one_and_the_index_itself_are_refused(
    tmp_path: Path, library: Path, run: Run, embedder: FakeEmbedder
) -> None:
    with pytest.raises(StoreError, match=r"--import .*/none: no index"):
        run(library, tmp_path / "index", donor=tmp_path / "none")
    with pytest.raises(UsageError, match="is the index itself"):
        run(library, tmp_path / "index", donor=tmp_path / "library/../index")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/catalog.db").write_bytes(b"no database" * 1000)
    with pytest.raises(
        StoreError, match=r"broken can't be imported: .*for details: lookalike check"
    ):
        run(library, tmp_path / "index", donor=tmp_path / "broken")


def test_vectors_of_the_import_are_those_of_the_donor(
    tmp_path: Path, library: Path, run: Run
) -> None:
    run(library, tmp_path / "donor")
    run(library, tmp_path / "index", donor=tmp_path / "donor")
    with Reader(tmp_path / "donor") as one, Reader(tmp_path / "index") as other:
        a, b = one.snapshot(), other.snapshot()
        assert np.array_equal(np.sort(a.vectors, 0), np.sort(b.vectors, 0))
