"""How a catalogue that an earlier version wrote becomes one of today's.

Each step says, for a table, what a record of version n looks like in version n + 1. An upgrade
reads the records that changed, takes them through all steps, and writes them into today's tables:
in one transaction, so that a kill leaves the version before or today's and nothing between.

A new version: raise SCHEMA_VERSION and change SCHEMA (schema.py), add a step here, keep an index of
the version before (tests/fixtures/make.py) and say it in docs/index-format.md.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from edge_app.errors import StoreError
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.records import record_crc
from edge_app.index.format.schema import SCHEMA, SCHEMA_VERSION
from edge_app.photos.reading.dates import dated

Record = tuple[Any, ...]  # the columns of a table in their order, without the CRC
Step = Callable[[Record], Record]


def _with_note(image: Record) -> Record:
    """Version 2 knows of an image whether its file is incomplete. Of older ones it is not known."""
    place = 16  # behind `camera`
    return (*image[:place], None, *image[place:])


def _with_lacks(rejected: Record) -> Record:
    """Version 2 knows what a rejection lacked. The next run tries older ones again, once."""
    return (*rejected, "")


def _with_version_and_mount(image: Record) -> Record:
    """Version 3 knows more of an image's file than its size and time. The next run notes it."""
    return (*image, "", b"")


def _with_version(rejected: Record) -> Record:
    return (*rejected, "")


def _with_undated(image: Record) -> Record:
    """In version 4 a photo without a date has none, where its file's time stood in before, and one
    photo may have RAW files besides. The next run looks for those."""
    name, date = image[3], image[13:15]
    if date[1] == "file":
        date = dated(None, None, os.fsdecode(name)) if isinstance(name, bytes) else (None, None)
    return (*image[:13], *date, *image[15:], b"")


def _with_pattern(image: Record) -> Record:
    """Version 5 knows an image's pattern, whether it is located, and the millisecond. The next run
    makes the patterns of older ones from their thumbnails; the rest stays unknown."""
    return (*image, None, None, None)


STEPS: dict[int, dict[str, Step]] = {
    1: {"images": _with_note, "rejected": _with_lacks},
    2: {"images": _with_version_and_mount, "rejected": _with_version},
    3: {"images": _with_undated},
    4: {"images": _with_pattern},
}


def upgrade(catalog: Catalog, index: os.PathLike[str]) -> None:
    """Bring an open catalogue to SCHEMA_VERSION; StoreError if a newer program wrote it."""
    version = catalog.schema_version()
    if version == SCHEMA_VERSION:
        return
    if version not in STEPS:
        raise StoreError(version_message(index, version))
    with catalog.transaction():
        if catalog.schema_version() != version:  # another process was faster
            return
        passed = range(version, SCHEMA_VERSION)
        for table in sorted({table for n in passed for table in STEPS[n]}):
            _rebuild(catalog, table, [STEPS[n][table] for n in passed if table in STEPS[n]])
        catalog.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def version_message(index: os.PathLike[str], version: int) -> str:
    """What to tell users who can't read a catalogue of this version."""
    name = os.fspath(index)
    if version in STEPS:
        return (
            f"{name} was made by an earlier version of Lookalike; update it with: "
            f"lookalike check --index {name}"
        )
    return (
        f"{name} was made by a newer version of Lookalike (index format {version}, this program "
        f"reads up to {SCHEMA_VERSION}): update Lookalike, or choose another folder with --index"
    )


def _rebuild(catalog: Catalog, table: str, steps: list[Step]) -> None:
    """Make the table as of today and put its records, taken through the steps, into it."""
    execute = catalog.connection.execute
    for (name,) in execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql NOT NULL",
        (table,),
    ).fetchall():
        execute(f"DROP INDEX {name}")
    execute(f"ALTER TABLE {table} RENAME TO before")
    made = rf"\s*(--.*\n)*CREATE (TABLE {table} |(UNIQUE )?INDEX \w+ ON {table}\b)"
    for statement in SCHEMA.split(";\n"):
        if re.match(made, statement):
            execute(statement)
    names = _names(catalog) if table == "images" else None
    for *values, crc in execute("SELECT * FROM before"):
        before = after = tuple(values)
        for step in steps:
            after = step(after)
        if type(crc) is not int:
            raise sqlite3.DatabaseError(f"a record of {table} has {ascii(crc)[:40]} as CRC")
        # What was damaged stays damaged: `check` finds it as before.
        damage = crc ^ record_crc(_summed(before, names))
        catalog.insert(table, after, crc=record_crc(_summed(after, names)) ^ damage)
    execute("DROP TABLE before")


def _names(catalog: Catalog) -> tuple[dict[int, bytes], dict[int, str]]:
    """Folders and formats by their ids."""
    folders = dict(catalog.connection.execute("SELECT id, folder FROM folders"))
    return folders, dict(catalog.connection.execute("SELECT id, format FROM formats"))


def _summed(values: Record, names: tuple[dict[int, bytes], dict[int, str]] | None) -> Iterator[Any]:
    """What a record's CRC is of: an image's folder and format by name, whatever their ids are."""
    if names is None:
        yield from values
        return
    id, folder_id, format_id, *facts = values
    yield from (id, names[0].get(folder_id), names[1].get(format_id), *facts)
