"""An index folder may come from elsewhere: whatever it holds, the answer is one clear line."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from edge_app import memory
from edge_app.config import MiB
from edge_app.errors import EdgeAppError, StoreError
from edge_app.index.format.records import record_crc
from edge_app.index.format.schema import CATALOG, IMAGE_TABLES, STORED_COLUMNS
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from edge_app.index.write.batch import Batch
from tests.indexes import new_image, writer_of

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    with writer_of(tmp_path) as writer:
        writer.commit(Batch(images=[new_image("a/a.jpg"), new_image("b.jpg")]))
    return tmp_path / "index"


def change(index: Path, *statements: str) -> None:
    with closing(sqlite3.connect(index / CATALOG)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def read_all(index: Path) -> None:
    """What serving asks of an index."""
    with Reader(index) as reader:
        reader.snapshot()
        for image in reader.page().items:
            reader.image(image.id)
            reader.thumbnail(image.id)


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
    with pytest.raises(StoreError, match="schema is not the one"):
        read_all(index)
    (problem,) = check(index).problems
    assert "schema is not the one" in str(problem)
    with pytest.raises(StoreError, match="schema is not the one"), writer_of(index.parent):
        pass


COLUMNS = [
    *[("state", c) for c in ("root", "generation", "last_image", "thumbs_generation")],
    *[("state", c) for c in ("thumbs_bytes", "openings")],
    *[("generations", c) for c in ("model", "tiles", "rows", "live")],
    *[("rows", c) for c in ("row", "image_id", "vector_crc", "code_crc", "tiles_crc")],
    *[("images", c) for c in ("folder_id", "format_id", "name", "size_bytes", "mtime_ns")],
    *[("images", c) for c in ("content", "twin", "width_px", "height_px", "orientation")],
    *[("images", c) for c in ("taken_at", "taken_from", "camera", "offline")],
    *[("images", c) for c in ("thumb_offset", "thumb_bytes", "thumb_crc")],
]


@pytest.mark.parametrize("value", ["'text'", "x'00ff'", "-7", "9223372036854775807", "1e300"])
@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_values_of_other_types_and_ranges_never_give_a_traceback(
    index: Path, table: str, column: str, value: str
) -> None:
    """160 of them, each with a CRC that fits."""
    with suppress(sqlite3.IntegrityError):
        change(index, f"UPDATE {table} SET {column} = {value}")
    with closing(sqlite3.connect(index / CATALOG)) as connection, connection:
        source = f"{STORED_COLUMNS}, images.crc FROM {IMAGE_TABLES}" if table == "images" else ""
        for *values, crc in connection.execute(f"SELECT {source or f'* FROM {table}'}").fetchall():
            connection.execute(
                f"UPDATE {table} SET crc = ? WHERE crc = ?", (record_crc(values), crc)
            )
    with suppress(EdgeAppError):
        read_all(index)
    check(index)
    with suppress(EdgeAppError), writer_of(index.parent) as writer:
        writer.known()


def test_a_thumbnail_of_a_gigabyte_is_not_read(index: Path) -> None:
    """The server reads thumbnails in its loop, and everybody waits meanwhile."""
    (thumbs,) = index.glob("thumbs-*.bin")
    os.truncate(thumbs, 2**30 + 8192)  # it takes no room
    change(index, f"UPDATE images SET thumb_offset = 0, thumb_bytes = {2**30}")
    before = memory.resident_bytes()
    with Reader(index) as reader, pytest.raises(StoreError, match="is damaged"):
        reader.thumbnail(1)
    assert memory.resident_bytes() - before < 64 * MiB


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
        with suppress(EdgeAppError):
            read_all(index)
        with suppress(EdgeAppError):
            check(index)
        if name in (CATALOG, "lock"):
            with pytest.raises(StoreError, match="regular files only"), writer_of(index.parent):
                pass
        (index / name).unlink()
        (index / "elsewhere").unlink(missing_ok=True)
        (index / name).write_bytes(kept)
    read_all(index)
