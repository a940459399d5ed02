"""What the catalogue knows of files: read and written when the index is brought up to date."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from edge_app.index.format.catalog import Catalog
from edge_app.index.format.records import (
    ImageRecord,
    Known,
    RejectedRecord,
    RowRecord,
    join_path,
    record_crc,
    rejected_record,
    storable,
    stored,
    unpack_names,
)
from edge_app.index.format.schema import IMAGE_TABLES, STORED_COLUMNS


def known(catalog: Catalog, generation: int) -> dict[str, Known]:
    """Every image by path, as the indexer sees it when writing `generation`."""
    rows = catalog.connection.execute(
        """SELECT folder, name, images.id, size_bytes, mtime_ns, content, offline,
                  rows.row IS NOT NULL AND thumb_bytes > 0, version, mount, raws
           FROM images JOIN folders ON folders.id = folder_id
           LEFT JOIN rows ON rows.image_id = images.id AND rows.generation = ?""",
        (generation,),
    )
    with _damage_told():
        return {
            join_path(folder, name): Known(
                id, size_bytes, int(mtime_ns), content, bool(offline), bool(embedded), version,
                os.fsdecode(mount), unpack_names(raws),
            )
            for folder, name, id, size_bytes, mtime_ns, content, offline, embedded, version,
                mount, raws in rows
        }  # fmt: skip


def rejected(catalog: Catalog) -> dict[str, RejectedRecord]:
    """Every rejected file by path."""
    rows = catalog.connection.execute(
        "SELECT path, size_bytes, mtime_ns, reason, lacks, version FROM rejected"
    )
    with _damage_told():
        return {record.path: record for record in map(rejected_record, rows)}


def embedded(catalog: Catalog, generation: int) -> list[tuple[int, bytes, int]]:
    """(size in bytes, fingerprint, id) of every image with a row and a thumbnail."""
    return catalog.connection.execute(
        """SELECT size_bytes, content, images.id
           FROM rows JOIN images ON images.id = image_id
           WHERE generation = ? AND thumb_bytes > 0""",
        (generation,),
    ).fetchall()


def verified(catalog: Catalog, id: int, generation: int) -> tuple[ImageRecord, RowRecord] | None:
    """An image and its row; None if a record of them is missing or differs from its CRC."""
    image = catalog.connection.execute(
        f"SELECT {STORED_COLUMNS}, images.crc FROM {IMAGE_TABLES} WHERE images.id = ?", (id,)
    ).fetchone()
    row = catalog.connection.execute(
        "SELECT * FROM rows WHERE image_id = ? AND generation = ?", (id, generation)
    ).fetchone()
    for record in (image, row):
        if record is None or record_crc(record[:-1]) != record[-1]:
            return None
    found = catalog.image(id)
    return (found, RowRecord(*row[:-1])) if found else None


def count_rows(catalog: Catalog, generation: int) -> int:
    """Live rows of a generation, counted."""
    sql = "SELECT count(*) FROM rows WHERE generation = ?"
    return int(catalog.connection.execute(sql, (generation,)).fetchone()[0])


def live_thumb_bytes(catalog: Catalog) -> int:
    """Bytes of all thumbnails that an image has."""
    return int(catalog.value("SELECT coalesce(sum(thumb_bytes), 0) FROM images"))


def count_without_pattern(catalog: Catalog) -> int:
    """How many images have a thumbnail and no pattern."""
    return int(
        catalog.value("SELECT count(*) FROM images WHERE pattern IS NULL AND thumb_bytes > 0")
    )


def thumbs_without_pattern(catalog: Catalog, after: int, count: int) -> list[tuple[int, int, int]]:
    """(id, offset, bytes) of up to `count` thumbnails by id, from above `after`."""
    return catalog.connection.execute(
        """SELECT id, thumb_offset, thumb_bytes FROM images
           WHERE pattern IS NULL AND thumb_bytes > 0 AND id > ? ORDER BY id LIMIT ?""",
        (after, count),
    ).fetchall()


def drop_rows(catalog: Catalog, image_id: int, generation: int | None = None) -> list[int]:
    """Make an image's rows dead, in all generations or one; the generations that held one."""
    rows = catalog.connection.execute(
        """DELETE FROM rows WHERE image_id = ?1 AND (?2 IS NULL OR generation = ?2)
           RETURNING generation""",
        (image_id, generation),
    )
    return [number for (number,) in rows]


def note(catalog: Catalog, image: ImageRecord) -> None:
    """Write what no index of the catalogue has: a tenth of what `put_image` does."""
    *_, version, mount, raws, pattern, _, _ = values = stored(image)
    catalog.connection.execute(
        "UPDATE images SET version = ?, mount = ?, raws = ?, pattern = ?, crc = ? WHERE id = ?",
        (version, mount, raws, pattern, record_crc(values), image.id),
    )


def put_rejected(catalog: Catalog, record: RejectedRecord) -> None:
    """Insert a rejected file, or replace the record of its path."""
    # A reason may quote a name that is not UTF-8, which SQLite can't hold as text.
    reason = record.reason.encode(errors="replace").decode()
    blob = os.fsencode(record.path)
    facts = record.size_bytes, storable(record.mtime_ns), reason, record.lacks, record.version
    catalog.insert("rejected", (blob, *facts))


def drop_rejected(catalog: Catalog, path: str) -> None:
    catalog.connection.execute("DELETE FROM rejected WHERE path = ?", (os.fsencode(path),))


@contextmanager
def _damage_told() -> Iterator[None]:
    """Text where a number belongs, and the like, is damage of the catalogue."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        raise sqlite3.DatabaseError(f"a record is damaged: {error}") from error
