"""The catalogue's schema and its SQL, nothing else: what is known of every image and row.

Every record ends with a CRC-32 over all its other columns, so that `check` finds any flipped bit.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edge_app.config import MiB
from edge_app.index.format.records import (
    GenerationRecord,
    ImageRecord,
    RowRecord,
    State,
    ThumbPlace,
    image_record,
    record_crc,
    stored,
    typed,
)
from edge_app.index.format.regular import check_regular, refuse_journal
from edge_app.index.format.schema import (
    EARLIER,
    IMAGE_COLUMNS,
    IMAGE_TABLES,
    LARGEST,
    LOG_BYTES,
    PAGE_BYTES,
    SCHEMA,
    SCHEMA_VERSION,
    digest_of,
)

_SIGNAL_STEPS = 1_000_000  # of SQLite's machine, some 10 ms
_VALUE_BYTES = 256 * MiB  # the largest that is read: a layout's column as one text has 20


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
        for ending in ("", "-wal", "-shm"):
            check_regular(path.with_name(path.name + ending))
        refuse_journal(path.with_name(f"{path.name}-journal"))
        uri = f"file:{quote(os.fsencode(path.absolute()))}?{options}"
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10
        )
        catalog = cls(connection)
        try:
            _distrust(connection)
            connection.execute("PRAGMA synchronous = FULL")
            log_pages = LOG_BYTES // catalog.value("PRAGMA page_size")
            connection.execute(f"PRAGMA wal_autocheckpoint = {log_pages}")
            catalog.check_schema()
        except BaseException:
            catalog.close()
            raise
        return catalog

    @classmethod
    def create(cls, path: Path) -> None:
        """Make a new file that holds an empty catalogue, complete without its log."""
        with closing(cls.connect(path, "mode=rwc")) as catalog:
            catalog.connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
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
        return int(self.value("PRAGMA user_version"))

    def schema(self) -> set[tuple[str, str, str | None]]:
        """Every table and index, with the SQL that made it."""
        return set(self.connection.execute("SELECT type, name, sql FROM sqlite_master"))

    def check_schema(self) -> None:
        """sqlite3.DatabaseError if the catalogue has anything but our tables and indexes: a view
        may take a table's name and compute for ever, and so may a column; a trigger acts on what we
        write. Of one of a newer version it is only known that it has neither."""
        version, found = self.schema_version(), self.schema()
        foreign = any(
            kind not in ("table", "index") or "VIRTUAL" in (sql or "").upper()[:40]
            for kind, _, sql in found
        )
        known = version == SCHEMA_VERSION or version in EARLIER
        if foreign or (known and digest_of(found) != (EARLIER.get(version) or _sound_digest())):
            raise sqlite3.DatabaseError("its schema is not the one it was made with")

    def data_version(self) -> int:
        """Changes when another connection has committed."""
        return int(self.value("PRAGMA data_version"))

    # --- what readers and the writer ask -------------------------------------------------------

    def state(self) -> State:
        return typed(State(*self._row("SELECT * FROM state")[:-1]))

    def generations(self) -> dict[int, GenerationRecord]:
        return {
            row[0]: typed(GenerationRecord(*row[:-1]))
            for row in self.connection.execute("SELECT * FROM generations")
        }

    def image(self, id: int) -> ImageRecord | None:
        if abs(id) > LARGEST:
            return None
        return self._image("images.id = ?", id)

    def images_of(self, ids: Sequence[int]) -> list[ImageRecord]:
        """Those images in that order, missing ones left out."""
        rows = self.connection.execute(
            f"""SELECT {IMAGE_COLUMNS} FROM {IMAGE_TABLES}
                WHERE images.id IN (SELECT value FROM json_each(?))""",
            (json.dumps([id for id in ids if abs(id) <= LARGEST]),),
        )
        found = {row[0]: image_record(row) for row in rows}
        return [found[id] for id in ids if id in found]

    def thumbnail(self, id: int) -> ThumbPlace | None:
        """In one statement, and so of one commit without a transaction."""
        if abs(id) > LARGEST:
            return None
        row = self.connection.execute(
            """SELECT thumbs_generation, thumb_offset, thumb_bytes, thumb_crc
               FROM images, state WHERE images.id = ?""",
            (id,),
        ).fetchone()
        return typed(ThumbPlace(*row)) if row else None

    def image_at(self, path: str) -> ImageRecord | None:
        folder, _, name = os.fsencode(path).rpartition(b"/")
        return self._image("folder = ? AND name = ?", folder, name)

    def rows(self, generation: int, first: int, count: int) -> list[RowRecord]:
        """Up to `count` live rows from row `first` on."""
        rows = self.connection.execute(
            "SELECT * FROM rows WHERE generation = ? AND row >= ? ORDER BY row LIMIT ?",
            (generation, first, count),
        )
        return [typed(RowRecord(*row[:-1])) for row in rows]

    def images(self, first: int, count: int) -> list[ImageRecord]:
        """Up to `count` images by id, from id `first` on."""
        rows = self.connection.execute(
            f"""SELECT {IMAGE_COLUMNS} FROM {IMAGE_TABLES}
                WHERE images.id >= ? ORDER BY images.id LIMIT ?""",
            (first, count),
        )
        return [image_record(row) for row in rows]

    def folders(self) -> dict[int, str]:
        """Every folder that ever held an image, by its id."""
        rows = self.connection.execute("SELECT id, folder FROM folders ORDER BY folder")
        return {id: os.fsdecode(folder) for id, folder in rows}

    def formats(self) -> dict[int, str]:
        return dict(self.connection.execute("SELECT id, format FROM formats ORDER BY id"))

    # --- what only the writer does, inside a transaction ---------------------------------------

    def set_state(self, state: State) -> None:
        self.connection.execute("DELETE FROM state")
        self.insert("state", astuple(state))

    def put_generation(self, record: GenerationRecord) -> None:
        self.insert("generations", astuple(record))

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
        self.insert("images", (id, folder_id, format_id, *facts), crc=record_crc(values))

    def drop_image(self, id: int) -> None:
        """Forget an image; its rows are the business of `write.known.drop_rows`."""
        self.connection.execute("DELETE FROM images WHERE id = ?", (id,))

    def put_row(self, record: RowRecord) -> None:
        self.insert("rows", astuple(record))

    # --- what the statements above are made of -------------------------------------------------

    def _lay_out(self) -> None:
        with self.transaction():
            for statement in SCHEMA.split(";\n"):
                self.connection.execute(statement)
            self.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self.insert("state", astuple(State(b"", 0, 0, 0, 0, 0, 0)))

    def insert(self, table: str, values: Iterable[Any], crc: int | None = None) -> None:
        """A record and its CRC, over `values` unless `crc` is given."""
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

    def value(self, sql: str) -> Any:
        """The first value of the first row."""
        return self._row(sql)[0]


@cache
def _sound_digest() -> str:
    with closing(Catalog.empty()) as sound:
        return digest_of(sound.schema())


def _distrust(connection: sqlite3.Connection) -> None:
    """The file may come from elsewhere: what is in its schema runs no function of ours, and a
    statement that goes on and on lets signals through."""
    connection.execute("PRAGMA trusted_schema = OFF")
    if sys.version_info >= (3, 12):  # before that Python has no way to say it
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_BYTES)
    connection.set_progress_handler(_let_signals_through, _SIGNAL_STEPS)


def _let_signals_through() -> int:
    return 0  # Python runs signal handlers when it runs anything
