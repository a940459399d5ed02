"""The catalogue's schema and its SQL, nothing else: what is known of every image and row.

Every record ends with a CRC-32 over all its other columns, so that `check` finds any flipped bit.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edge_app.config import MiB
from edge_app.index.format.records import (
    GenerationRecord,
    ImageRecord,
    Known,
    RejectedRecord,
    RowRecord,
    State,
    ThumbPlace,
    image_record,
    join_path,
    record_crc,
    rejected_record,
    storable,
    stored,
)

CATALOG = "catalog.db"  # its name in the index folder
SCHEMA_VERSION = 1
LARGEST = 2**63 - 1  # integer that SQLite can hold, or be asked for

# A commit logs every page it touches, and the orders of listings are touched in as many places as
# it has images. With SQLite's own 4,096 and 1,000 pages a run writes 1.5 times what it must, with
# these 1.3 times (docs/small-devices.md); listings take 5 % longer.
_PAGE_BYTES = 1024
_LOG_BYTES = 64 * MiB  # of log, before it is written into the catalogue

SCHEMA = """
CREATE TABLE state (               -- one record
    root BLOB NOT NULL,            -- library root when last opened for writing, absolute
    generation INTEGER NOT NULL,   -- the one readers answer from
    last_generation INTEGER NOT NULL, -- neither of these numbers is ever used twice
    last_image INTEGER NOT NULL,
    thumbs_generation INTEGER NOT NULL,
    thumbs_bytes INTEGER NOT NULL, -- committed length of thumbs-<thumbs_generation>.bin
    openings INTEGER NOT NULL,     -- counted so that each opening commits something, see session.py
    crc INTEGER NOT NULL
);
CREATE TABLE generations (
    generation INTEGER PRIMARY KEY,
    model TEXT NOT NULL,           -- embed.ModelIdentity as JSON
    tiles INTEGER NOT NULL,        -- vectors per row in tiles-<generation>.f32; 0: no such file
    rows INTEGER NOT NULL,         -- committed rows, dead ones included
    live INTEGER NOT NULL,
    crc INTEGER NOT NULL
);
CREATE TABLE folders (id INTEGER PRIMARY KEY, folder BLOB NOT NULL UNIQUE);
CREATE TABLE formats (id INTEGER PRIMARY KEY, format TEXT NOT NULL UNIQUE);
CREATE TABLE images (
    id INTEGER PRIMARY KEY,        -- never reused: state.last_image counts
    folder_id INTEGER NOT NULL REFERENCES folders,
    format_id INTEGER NOT NULL REFERENCES formats,
    name BLOB NOT NULL,
    name_key BLOB NOT NULL,        -- sorts as people read: case folded, numbers by value
    size_bytes INTEGER NOT NULL,
    mtime_ns NOT NULL,             -- text from the year 2262 on, where integers end
    content BLOB NOT NULL,         -- BLAKE2b-128 of the file
    twin INTEGER NOT NULL,         -- first 8 bytes of content as a signed integer
    width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL,
    orientation INTEGER NOT NULL,  -- 0 landscape, 1 portrait, 2 square
    ratio INTEGER NOT NULL,        -- width_px * 100 / height_px, rounded
    taken_at INTEGER NOT NULL,
    taken_from TEXT NOT NULL,
    camera TEXT,
    offline INTEGER NOT NULL,
    thumb_offset INTEGER NOT NULL,
    thumb_bytes INTEGER NOT NULL,  -- 0: no thumbnail, the next run makes one
    thumb_crc INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    UNIQUE (folder_id, name)
);
-- Each order of a listing has an index that also answers every filter without touching images.
CREATE INDEX images_by_date ON images
    (taken_at, id, folder_id, format_id, orientation, ratio);
CREATE INDEX images_by_name ON images
    (name_key, id, folder_id, format_id, orientation, ratio, taken_at);
CREATE INDEX images_by_folder ON images
    (folder_id, name_key, id, format_id, orientation, ratio, taken_at);
CREATE INDEX images_offline ON images (id) WHERE offline;
CREATE TABLE rows (                -- live rows only: a row without a record is dead
    generation INTEGER NOT NULL,
    row INTEGER NOT NULL,
    image_id INTEGER NOT NULL,
    vector_crc INTEGER NOT NULL,
    code_crc INTEGER NOT NULL,
    tiles_crc INTEGER NOT NULL,    -- 0 where the generation has no tiles
    crc INTEGER NOT NULL,
    PRIMARY KEY (generation, row)
) WITHOUT ROWID;
CREATE UNIQUE INDEX rows_by_image ON rows (image_id, generation);
CREATE TABLE rejected (
    path BLOB PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    mtime_ns NOT NULL,             -- text from the year 2262 on, where integers end
    reason TEXT NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID;
"""


STORED_COLUMNS = """
    images.id, folder, format, name, name_key, size_bytes, mtime_ns, content, twin, width_px,
    height_px, orientation, ratio, taken_at, taken_from, camera, offline, thumb_offset,
    thumb_bytes, thumb_crc
"""
IMAGE_COLUMNS = """
    images.id, folder, name, size_bytes, mtime_ns, content, width_px, height_px, format,
    taken_at, taken_from, camera, offline, thumb_offset, thumb_bytes, thumb_crc
"""
IMAGE_TABLES = """
    images LEFT JOIN folders ON folders.id = folder_id LEFT JOIN formats ON formats.id = format_id
"""


class Catalog:
    """One SQLite connection and the statements run on it.

    Never open catalog.db by any other means in a process that has a Catalog: closing such a
    descriptor would drop SQLite's own locks (POSIX advisory locks belong to the process).
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.frozen = False  # opened as of a moment: it can't notice what others commit
        self.on_close: Callable[[], None] | None = None

    @classmethod
    def connect(cls, path: Path, options: str) -> Catalog:
        """Open `path` with URI `options`, such as "mode=ro"; one thread at a time may use it.

        sqlite3.Error if it can't be read, found out at once. Commits are on the medium on return.
        """
        uri = f"file:{quote(os.fsencode(path.absolute()))}?{options}"
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10
        )
        catalog = cls(connection)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            log_pages = _LOG_BYTES // catalog._value("PRAGMA page_size")
            connection.execute(f"PRAGMA wal_autocheckpoint = {log_pages}")
            catalog.schema_version()
        except BaseException:
            catalog.close()
            raise
        return catalog

    @classmethod
    def create(cls, path: Path) -> None:
        """Make a new file that holds an empty catalogue, complete without its log."""
        with closing(cls.connect(path, "mode=rwc")) as catalog:
            catalog.connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            catalog._lay_out()
            # Last: what is in a log would be lost if this file alone got its final name.
            catalog.connection.execute("PRAGMA journal_mode = WAL")

    @classmethod
    def empty(cls) -> Catalog:
        """A catalogue of nothing, in memory: what there is before the first index run."""
        catalog = cls(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))
        catalog._lay_out()
        return catalog

    def close(self) -> None:
        self.connection.close()
        if self.on_close is not None:
            self.on_close()

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        """All or nothing; with kind "DEFERRED" a reader's one consistent view."""
        self.connection.execute(f"BEGIN {kind}")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def schema_version(self) -> int:
        """Of the file that is open."""
        return int(self._value("PRAGMA user_version"))

    def schema(self) -> set[tuple[str, str, str | None]]:
        """Every table and index, with the SQL that made it."""
        return set(self.connection.execute("SELECT type, name, sql FROM sqlite_master"))

    def data_version(self) -> int:
        """Changes when another connection has committed."""
        return int(self._value("PRAGMA data_version"))

    # --- what readers and the writer ask -------------------------------------------------------

    def state(self) -> State:
        return State(*self._row("SELECT * FROM state")[:-1])

    def generations(self) -> dict[int, GenerationRecord]:
        return {
            row[0]: GenerationRecord(*row[:-1])
            for row in self.connection.execute("SELECT * FROM generations")
        }

    def image(self, id: int) -> ImageRecord | None:
        if abs(id) > LARGEST:
            return None
        return self._image("images.id = ?", id)

    def thumbnail(self, id: int) -> ThumbPlace | None:
        """In one statement, and so of one commit without a transaction."""
        if abs(id) > LARGEST:
            return None
        row = self.connection.execute(
            """SELECT thumbs_generation, thumb_offset, thumb_bytes, thumb_crc
               FROM images, state WHERE images.id = ?""",
            (id,),
        ).fetchone()
        return ThumbPlace(*row) if row else None

    def image_at(self, path: str) -> ImageRecord | None:
        folder, _, name = os.fsencode(path).rpartition(b"/")
        return self._image("folder = ? AND name = ?", folder, name)

    def rows(self, generation: int, first: int, count: int) -> list[RowRecord]:
        """Up to `count` live rows from row `first` on."""
        rows = self.connection.execute(
            "SELECT * FROM rows WHERE generation = ? AND row >= ? ORDER BY row LIMIT ?",
            (generation, first, count),
        )
        return [RowRecord(*row[:-1]) for row in rows]

    def images(self, first: int, count: int) -> list[ImageRecord]:
        """Up to `count` images by id, from id `first` on."""
        rows = self.connection.execute(
            f"""SELECT {IMAGE_COLUMNS} FROM {IMAGE_TABLES}
                WHERE images.id >= ? ORDER BY images.id LIMIT ?""",
            (first, count),
        )
        return [image_record(row) for row in rows]

    def sample(self, count: int) -> list[tuple[str, int, bytes]]:
        """Path, size in bytes and fingerprint of about `count` images, spread over the index."""
        step = max(1, self._value("SELECT count(*) FROM images") // count)
        rows = self.connection.execute(
            """SELECT folder, name, size_bytes, content
               FROM images JOIN folders ON folders.id = folder_id
               WHERE images.id % ? = 0 LIMIT ?""",
            (step, count),
        )
        return [(join_path(folder, name), size, content) for folder, name, size, content in rows]

    def columns(self, generation: int) -> Iterator[tuple[int, int, int, int, int]]:
        """(row, image id, taken_at, folder << 16 | format << 8 | orientation, twin) of live rows.

        Packed, because 100,000 rows cost 30 ms per column and nothing per shift.
        """
        return self.connection.execute(
            """SELECT row, image_id, taken_at,
                      (folder_id << 16) | (format_id << 8) | orientation, twin
               FROM rows JOIN images ON images.id = image_id WHERE generation = ?""",
            (generation,),
        )

    def folders(self) -> dict[int, str]:
        """Every folder that ever held an image, by its id."""
        rows = self.connection.execute("SELECT id, folder FROM folders ORDER BY folder")
        return {id: os.fsdecode(folder) for id, folder in rows}

    def formats(self) -> dict[int, str]:
        return dict(self.connection.execute("SELECT id, format FROM formats ORDER BY id"))

    def known(self, generation: int) -> dict[str, Known]:
        """Every image by path, as the indexer sees it when writing `generation`."""
        rows = self.connection.execute(
            """SELECT folder, name, images.id, size_bytes, mtime_ns, content, offline,
                      rows.row IS NOT NULL AND thumb_bytes > 0
               FROM images JOIN folders ON folders.id = folder_id
               LEFT JOIN rows ON rows.image_id = images.id AND rows.generation = ?""",
            (generation,),
        )
        return {
            join_path(folder, name): Known(
                id, size_bytes, int(mtime_ns), content, bool(offline), bool(embedded)
            )
            for folder, name, id, size_bytes, mtime_ns, content, offline, embedded in rows
        }

    def rejected(self) -> dict[str, RejectedRecord]:
        rows = self.connection.execute("SELECT path, size_bytes, mtime_ns, reason FROM rejected")
        records = map(rejected_record, rows)
        return {record.path: record for record in records}

    def embedded(self, generation: int) -> list[tuple[int, bytes, int]]:
        """(size in bytes, fingerprint, id) of every image with a row and a thumbnail."""
        return self.connection.execute(
            """SELECT size_bytes, content, images.id
               FROM rows JOIN images ON images.id = image_id
               WHERE generation = ? AND thumb_bytes > 0""",
            (generation,),
        ).fetchall()

    def verified(self, id: int, generation: int) -> tuple[ImageRecord, RowRecord] | None:
        """An image and its row; None if a record of them is missing or differs from its CRC."""
        image = self.connection.execute(
            f"SELECT {STORED_COLUMNS}, images.crc FROM {IMAGE_TABLES} WHERE images.id = ?", (id,)
        ).fetchone()
        row = self.connection.execute(
            "SELECT * FROM rows WHERE image_id = ? AND generation = ?", (id, generation)
        ).fetchone()
        for record in (image, row):
            if record is None or record_crc(record[:-1]) != record[-1]:
                return None
        found = self.image(id)
        return (found, RowRecord(*row[:-1])) if found else None

    def count_rows(self, generation: int) -> int:
        """Live rows of a generation, counted."""
        sql = "SELECT count(*) FROM rows WHERE generation = ?"
        return int(self.connection.execute(sql, (generation,)).fetchone()[0])

    def live_thumb_bytes(self) -> int:
        return int(self._value("SELECT coalesce(sum(thumb_bytes), 0) FROM images"))

    # --- what only the writer does, inside a transaction ---------------------------------------

    def set_state(self, state: State) -> None:
        self.connection.execute("DELETE FROM state")
        self._insert("state", astuple(state))

    def put_generation(self, record: GenerationRecord) -> None:
        self._insert("generations", astuple(record))

    def drop_generation(self, generation: int) -> None:
        self.connection.execute("DELETE FROM rows WHERE generation = ?", (generation,))
        self.connection.execute("DELETE FROM generations WHERE generation = ?", (generation,))

    def put_image(self, image: ImageRecord) -> None:
        """Insert an image, or replace the one of the same id."""
        values = stored(image)
        id, folder, format, *facts = values
        folder_id = self._id_of("folders", "folder", folder)
        format_id = self._id_of("formats", "format", format)
        self.drop_image(id)
        self._insert("images", (id, folder_id, format_id, *facts), crc=record_crc(values))

    def drop_image(self, id: int) -> None:
        """Forget an image; its rows are `drop_rows`'s business."""
        self.connection.execute("DELETE FROM images WHERE id = ?", (id,))

    def put_row(self, record: RowRecord) -> None:
        self._insert("rows", astuple(record))

    def drop_rows(self, image_id: int, generation: int | None = None) -> list[int]:
        """Make an image's rows dead, in all generations or one; the generations that held one."""
        rows = self.connection.execute(
            """DELETE FROM rows WHERE image_id = ?1 AND (?2 IS NULL OR generation = ?2)
               RETURNING generation""",
            (image_id, generation),
        )
        return [number for (number,) in rows]

    def put_rejected(self, record: RejectedRecord) -> None:
        # A reason may quote a name that is not UTF-8, which SQLite can't hold as text.
        reason = record.reason.encode(errors="replace").decode()
        blob = os.fsencode(record.path)
        self._insert("rejected", (blob, record.size_bytes, storable(record.mtime_ns), reason))

    def drop_rejected(self, path: str) -> None:
        self.connection.execute("DELETE FROM rejected WHERE path = ?", (os.fsencode(path),))

    # --- small change ---------------------------------------------------------------------------

    def _lay_out(self) -> None:
        with self.transaction():
            for statement in SCHEMA.split(";\n"):
                self.connection.execute(statement)
            self.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._insert("state", astuple(State(b"", 0, 0, 0, 0, 0, 0)))

    def _insert(self, table: str, values: Iterable[Any], crc: int | None = None) -> None:
        values = tuple(values)
        crc = record_crc(values) if crc is None else crc
        marks = ",".join("?" * (len(values) + 1))
        verb = "INSERT" if table == "images" else "INSERT OR REPLACE"
        self.connection.execute(f"{verb} INTO {table} VALUES ({marks})", (*values, crc))

    def _id_of(self, table: str, column: str, value: bytes | str) -> int:
        select = f"SELECT id FROM {table} WHERE {column} = ?"
        row = self.connection.execute(select, (value,)).fetchone()
        if row is None:
            self.connection.execute(f"INSERT INTO {table} ({column}) VALUES (?)", (value,))
            return self._id_of(table, column, value)
        return int(row[0])

    def _image(self, condition: str, *values: object) -> ImageRecord | None:
        row = self.connection.execute(
            f"SELECT {IMAGE_COLUMNS} FROM {IMAGE_TABLES} WHERE {condition}", values
        ).fetchone()
        return image_record(row) if row else None

    def _row(self, sql: str) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self.connection.execute(sql).fetchone()
        if row is None:
            raise sqlite3.DatabaseError(f"no answer to {sql!r}")
        return row

    def _value(self, sql: str) -> Any:
        return self._row(sql)[0]
