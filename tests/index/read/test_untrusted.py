"""An index folder may come from elsewhere: whatever it holds, the answer is one clear line."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict
from itertools import product
from pathlib import Path

import pytest

from edge_app import memory
from edge_app.api.types.views import facets_of, image_of, layout_of
from edge_app.config import MiB
from edge_app.errors import EdgeAppError, StoreError
from edge_app.index.format.records import RejectedRecord, record_crc
from edge_app.index.format.schema import (
    CATALOG,
    EARLIER,
    IMAGE_TABLES,
    PAGE_BYTES,
    STORED_COLUMNS,
)
from edge_app.index.read.order import SORTS
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from edge_app.index.write.batch import Batch
from edge_app.index.write.upgrade import bring_up_to_date
from tests.indexes import MODEL, new_image, writer_of

FIXTURES = Path(__file__).parents[2] / "fixtures"
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    with writer_of(tmp_path) as writer:
        writer.commit(
            Batch(
                images=[new_image("a/a.jpg", taken_at=1_500_000_000), new_image("b.jpg")],
                rejected=[RejectedRecord("bad.jpg", 1, 1, "no image")],
            )
        )
    return tmp_path / "index"


def change(index: Path, *statements: str) -> None:
    with closing(sqlite3.connect(index / CATALOG)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        for statement in statements:
            connection.execute(statement)


def read_all(index: Path) -> list[str]:
    """What serving asks of an index; what it said in place of answers."""
    refusals = []
    with Reader(index) as reader:
        for ask in (
            lambda: reader.pictures(reader.snapshot()),
            lambda: [reader.image(id) for id in (1, 2)],
            lambda: [reader.thumbnail(id) for id in (1, 2)],
            lambda: [image_of(image) for sort in SORTS for image in reader.page(sort).items],
            lambda: layout_of(*reader.layout(), by_date=True),
            lambda: facets_of(reader.facets()),
            lambda: (reader.folders(), reader.counts(), reader.roots(), reader.sample("", 9)),
            lambda: (reader.rejected(), reader.rejections()),
        ):
            try:
                ask()
            except EdgeAppError as error:
                refusals.append(str(error))
    return refusals


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP TABLE images", f"CREATE VIEW images AS {ENDLESS}"),
        (f"CREATE VIEW another AS {ENDLESS}",),
        ("CREATE TRIGGER t AFTER INSERT ON state BEGIN DELETE FROM images; END",),
        ("CREATE TABLE another (a)",),
        ("ALTER TABLE images ADD COLUMN b INTEGER AS (id * 2)",),
        ("DROP TABLE rows",),
    ],
)
def test_another_schema_is_refused_before_anything_is_asked(
    index: Path, statements: tuple[str, ...]
) -> None:
    change(index, *statements)
    refusals = read_all(index)
    assert len(refusals) == 8
    assert all("schema is not the one" in refusal for refusal in refusals)
    (problem,) = check(index).problems
    assert "schema is not the one" in str(problem)
    with pytest.raises(StoreError, match="schema is not the one"), writer_of(index.parent):
        pass


TABLES = ("state", "generations", "folders", "formats", "images", "rows", "rejected")
VALUES = ("'text'", "x'00ff'", "0", "-7", "9223372036854775807", "9e999")


@pytest.mark.parametrize("table", TABLES)
def test_values_of_other_types_and_ranges_never_give_a_traceback(index: Path, table: str) -> None:
    """350 of them, each with a CRC that fits."""
    with closing(sqlite3.connect(index / CATALOG)) as connection:
        named = connection.execute(f"PRAGMA table_info({table})").fetchall()
    sound = (index / CATALOG).read_bytes()
    for column, value in product((column for _, column, *_ in named), VALUES):
        (index / CATALOG).write_bytes(sound)
        with suppress(sqlite3.IntegrityError):
            change(index, f"UPDATE OR IGNORE {table} SET {column} = {value}")
        if column != "crc":
            make_crcs_fit(index, table)
        read_all(index)
        check(index)
        with suppress(EdgeAppError), writer_of(index.parent) as writer:
            writer.known()
            writer.rejected()


def make_crcs_fit(index: Path, table: str) -> None:
    if table in ("folders", "formats"):
        table = "images"
    source = f"{STORED_COLUMNS}, images.crc FROM {IMAGE_TABLES}" if table == "images" else ""
    with closing(sqlite3.connect(index / CATALOG)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        for *values, crc in connection.execute(f"SELECT {source or f'* FROM {table}'}").fetchall():
            connection.execute(
                f"UPDATE {table} SET crc = ? WHERE crc = ?", (record_crc(values), crc)
            )


def test_a_thumbnail_of_a_gigabyte_is_not_read(index: Path) -> None:
    """The server reads thumbnails in its loop, and everybody waits meanwhile."""
    (thumbs,) = index.glob("thumbs-*.bin")
    os.truncate(thumbs, 2**30 + 8192)  # it takes no room
    change(index, f"UPDATE images SET thumb_offset = 0, thumb_bytes = {2**30}")
    before = memory.resident_bytes()
    with Reader(index) as reader, pytest.raises(StoreError, match="is damaged"):
        reader.thumbnail(1)
    assert memory.resident_bytes() - before < 64 * MiB


def test_more_rows_than_memory_are_not_opened(index: Path) -> None:
    """Their files would take no room."""
    change(index, f"UPDATE generations SET rows = {2**36}")
    make_crcs_fit(index, "generations")
    assert f"has {2**36} rows, which take 4194304 MiB of memory" in read_all(index)[0]


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("make", [a_link, a_pipe])
def test_links_and_pipes_are_not_opened(index: Path, make: Callable[[Path], None]) -> None:
    """A link could name any file of the user's, and a pipe would be waited for for ever."""
    names = [file.name for file in index.iterdir() if file.is_file()]
    assert len(names) >= 5
    for name in names:
        kept = (index / name).read_bytes()
        make(index / name)
        read_all(index)
        with suppress(EdgeAppError):
            check(index)
        if name in (CATALOG, "lock"):
            with pytest.raises(StoreError, match="regular files only"), writer_of(index.parent):
                pass
        (index / name).unlink()
        (index / "elsewhere").unlink(missing_ok=True)
        (index / name).write_bytes(kept)
    assert read_all(index) == []


def test_a_rollback_journal_deletes_no_file_of_the_user(index: Path) -> None:
    """SQLite deletes the file that one names as its superior, wherever that is."""
    superior = index.parent / "thesis.txt"
    superior.write_text("precious")
    name = os.fsencode(superior)
    pages = struct.unpack(">I", (index / CATALOG).read_bytes()[28:32])[0]
    magic = bytes.fromhex("d9d505f920a163d7")
    head = magic + struct.pack(">IIIII", 0, 1234, pages, 512, PAGE_BYTES)
    tail = name + struct.pack(">II", len(name), sum(name)) + magic
    lock_page = struct.pack(">I", 2**30 // PAGE_BYTES + 1)
    (index / f"{CATALOG}-journal").write_bytes(head.ljust(512, b"\0") + lock_page + tail)
    for use in (
        lambda: Reader(index).counts(),
        lambda: check(index),
        lambda: writer_of(index.parent),
    ):
        with pytest.raises(StoreError, match="no rollback journal: remove it"):
            use()
    assert superior.exists()


def test_a_catalogue_without_its_log_gets_one_before_it_is_written(index: Path) -> None:
    with closing(sqlite3.connect(index / CATALOG)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    with writer_of(index.parent) as writer:
        writer.commit(Batch(images=[new_image("c.jpg")]))
        assert (index / f"{CATALOG}-wal").exists()
    with closing(sqlite3.connect(index / CATALOG)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("version", EARLIER)
def test_an_earlier_version_is_compared_with_the_schema_that_it_had(
    tmp_path: Path, version: int
) -> None:
    index = tmp_path / "index"
    shutil.copytree(FIXTURES / f"index-v{version}/index", index)
    change(index, "ALTER TABLE images ADD COLUMN large AS (hex(zeroblob(400000000)))")
    bring_up_to_date(index)
    assert all("schema is not the one" in refusal for refusal in read_all(index))
    assert "schema is not the one" in str(check(index).problems[0])


def test_a_record_of_an_earlier_version_that_has_no_crc_is_one_error(tmp_path: Path) -> None:
    index = tmp_path / "index"
    shutil.copytree(FIXTURES / "index-v1/index", index)
    change(index, "UPDATE images SET crc = 'text'")
    with pytest.raises(StoreError, match="has 'text' as CRC"):
        bring_up_to_date(index)


@pytest.mark.parametrize(
    "model",
    [
        "[" * 100_000,
        '{"dim": ' + "9" * 5000 + "}",
        *(json.dumps(asdict(MODEL) | {"dim": dim}) for dim in (0, -1, 2**40, "16", None)),
        json.dumps(asdict(MODEL) | {"sha256": ["a"]}),
    ],
)
def test_a_generation_of_an_impossible_model_is_one_error(index: Path, model: str) -> None:
    with closing(sqlite3.connect(index / CATALOG)) as connection, connection:
        connection.execute("UPDATE generations SET model = ?", (model,))
    make_crcs_fit(index, "generations")
    assert "record of generation 1 is damaged" in read_all(index)[0]
    assert "record of generation 1 is damaged" in str(check(index).problems[0])
