"""An index that an earlier version made opens, serves, and is brought up to date; nothing is lost.

tests/fixtures/ has one of each version, made by tests/fixtures/make.py as that version was.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_app.config import Config, Limits
from edge_app.errors import StoreError
from edge_app.index.format import steps
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.readonly import open_for_reading
from edge_app.index.format.schema import SCHEMA_VERSION
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check, repair
from edge_app.index.write.upgrade import bring_up_to_date
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer
from edge_app.indexing.patterns import fill_patterns
from edge_app.photos.children.decode import decode
from edge_app.photos.children.pool import DecodePool
from edge_app.search.gallery import Gallery
from tests.conftest import ROOT
from tests.fakes import SIZE_PX, FakeEmbedder
from tests.fixtures.make import IMAGES, MTIME_S

FIXTURES = sorted(Path(__file__).parents[2].joinpath("fixtures").glob("index-v*"))
PATHS = {*IMAGES, "2020/copy of a.jpg"}


@pytest.fixture(params=FIXTURES, ids=lambda path: path.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a library, and its index as an earlier version left it."""
    folder = tmp_path / "old"
    shutil.copytree(request.param, folder)
    for path in (folder / "library").rglob("*.*"):
        os.utime(path, (MTIME_S, MTIME_S))  # git keeps no times
    return folder


@pytest.fixture
def catalog(old: Path) -> Iterator[Catalog]:
    with closing(Catalog.connect(old / "index/catalog.db", "mode=rw")) as catalog:
        yield catalog


def version(index: Path) -> int:
    with closing(sqlite3.connect(index / "catalog.db")) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_there_is_a_fixture_of_every_version_before_this_one() -> None:
    assert {path.name for path in FIXTURES} >= {f"index-v{n}" for n in range(1, SCHEMA_VERSION)}


def test_it_is_served_at_once(old: Path) -> None:
    with closing(Gallery(Config(gallery=old / "library", index=old / "index"))) as gallery:
        images = {image.path: image for image in gallery.reader.page(limit=100).items}
        assert images.keys() == PATHS
        copy, original = images["2020/copy of a.jpg"], images["2019/a.jpg"]
        snapshot = gallery.searchable()
        [matches] = gallery.similar(snapshot, [gallery.query_of_id(snapshot, copy.id)], 5)
        assert matches[0].id == original.id
        assert gallery.reader.thumbnail(copy.id)[0][:2] == b"\xff\xd8"
        assert gallery.reader.counts().rejected == 2


def test_one_of_today_is_opened_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off read-only media each opening copies the catalogue and its log."""
    bring_up_to_date(old / "index")
    opened: list[Path] = []

    def counted(index: Path) -> Catalog:
        opened.append(index)
        return open_for_reading(index)

    for module in ("edge_app.index.read.connect", "edge_app.index.write.upgrade"):
        monkeypatch.setattr(f"{module}.open_for_reading", counted)
    with closing(Gallery(Config(gallery=old / "library", index=old / "index"))) as gallery:
        gallery.reader.snapshot()
    assert len(opened) == 1


def test_it_is_then_as_one_made_today(old: Path) -> None:
    bring_up_to_date(old / "index")
    assert version(old / "index") == SCHEMA_VERSION
    report = check(old / "index")
    assert report.problems == []
    assert (report.images, report.rows, report.rejected) == (6, 6, 2)


def test_the_next_run_embeds_nothing_again(old: Path) -> None:
    embedder, limits = FakeEmbedder(), Limits()
    library = old / "library"
    with (
        Writer(old / "index", library, embedder.identity) as writer,
        DecodePool(SIZE_PX, limits, workers=1, nice=0) as pool,
    ):
        report = indexer.index(library, writer, pool, embedder, limits)
    assert embedder.calls == 0
    assert (report.unchanged, report.rejected, report.removed, report.offline) == (6, 2, 0, 0)


def test_the_next_run_makes_the_patterns_that_are_missing(old: Path) -> None:
    library = old / "library"
    with (
        Writer(old / "index", library, FakeEmbedder().identity) as writer,
        DecodePool(SIZE_PX, Limits(), workers=1, nice=0) as pool,
    ):
        missing = writer.count_without_pattern()
        assert missing == 6
        assert fill_patterns(writer, pool) == missing
        assert (writer.count_without_pattern(), fill_patterns(writer, pool)) == (0, 0)
    with Reader(old / "index") as reader:
        for image in reader.page(limit=100).items:
            decoded = decode((library / image.path).read_bytes(), SIZE_PX, Limits())
            assert image.pattern is not None
            assert (image.pattern ^ decoded.pattern).bit_count() <= 6
    assert check(old / "index").problems == []


def test_an_upgrade_that_is_cut_short_leaves_the_version_before(
    old: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = version(old / "index")
    if before == SCHEMA_VERSION:
        pytest.skip("this is today's version")
    rebuild = steps._rebuild

    def cut(*arguments: object) -> None:
        rebuild(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(steps, "_rebuild", cut)
        steps.upgrade(catalog, old / "index")
    assert version(old / "index") == before
    steps.upgrade(catalog, old / "index")
    assert version(old / "index") == SCHEMA_VERSION
    assert check(old / "index").problems == []


def test_a_damaged_record_stays_damaged(old: Path, catalog: Catalog) -> None:
    catalog.connection.execute("UPDATE images SET taken_at = taken_at + 1 WHERE name = 'e.jpg'")
    catalog.connection.execute("UPDATE images SET width_px = 7 WHERE id = 2")
    bring_up_to_date(old / "index")
    assert len(check(old / "index").problems) == 1, "name is a BLOB, so only the second has changed"


def test_a_reader_says_what_to_do_with_it(old: Path) -> None:
    if version(old / "index") == SCHEMA_VERSION:
        pytest.skip("this is today's version")
    with Reader(old / "index") as reader, pytest.raises(StoreError) as error:
        reader.snapshot()
    assert f"lookalike check --index {old / 'index'}" in str(error.value)


def test_what_a_newer_version_made_is_left_alone(old: Path, catalog: Catalog) -> None:
    catalog.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match="newer version of Lookalike"):
        steps.upgrade(catalog, old / "index")
    bring_up_to_date(old / "index")
    for look in (check, repair):  # set aside, it would be lost
        with pytest.raises(StoreError, match="update Lookalike"):
            look(old / "index")
    with Reader(old / "index") as reader, pytest.raises(StoreError, match="update Lookalike"):
        reader.snapshot()
    assert version(old / "index") == SCHEMA_VERSION + 1


def test_where_it_can_not_be_written_it_says_so(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if version(old / "index") == SCHEMA_VERSION:
        pytest.skip("this is today's version")

    def refused(path: object, *arguments: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("edge_app.index.format.locking.os.open", refused)
    with pytest.raises(StoreError, match="open it once where it can be written"):
        bring_up_to_date(old / "index")


@pytest.mark.parametrize("tables", [0, 1, 2])
def test_a_kill_in_the_middle_leaves_the_version_before(old: Path, tables: int) -> None:
    """Killed before the first table, after it, or when only the COMMIT is left."""
    before = version(old / "index")
    if before == SCHEMA_VERSION:
        pytest.skip("this is today's version")
    most = len({table for n in range(before, SCHEMA_VERSION) for table in steps.STEPS[n]})
    if tables > most:
        pytest.skip(f"this version has {most} tables to rebuild")
    script = f"""
import os, signal, sys
from pathlib import Path
from edge_app.index.format import steps
from edge_app.index.write.upgrade import bring_up_to_date
rebuild, done = steps._rebuild, []
def killed(*arguments):
    if len(done) == {tables}:
        os.kill(os.getpid(), signal.SIGKILL)
    rebuild(*arguments)
    done.append(1)
    if len(done) == {tables} == {most}:
        os.kill(os.getpid(), signal.SIGKILL)
steps._rebuild = killed
bring_up_to_date(Path(sys.argv[1]))
"""
    done = subprocess.run([sys.executable, "-c", script, old / "index"], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert version(old / "index") == before
    bring_up_to_date(old / "index")
    assert version(old / "index") == SCHEMA_VERSION
    assert check(old / "index").problems == []
