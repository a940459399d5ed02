"""What people browse: images in order, page by page, filtered, and the counts beside them.

Each order has an index that holds the filtered columns too, so a page among 200,000 images takes
milliseconds. Photos without a date are at the end of both orders by date. Pages continue behind the
last image seen, not at an offset: images that come and go meanwhile neither repeat others nor hide
them.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_app.errors import UsageError
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.records import (
    ORIENTATIONS,
    UNDATED,
    ImageRecord,
    RejectedRecord,
    name_key,
    rejected_record,
)
from edge_app.index.format.schema import LARGEST
from edge_app.index.read.filters import Filter

T = TypeVar("T")
SORTS = ("date", "name", "folder")  # each also with a "-" before it: the other way round


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a listing, the cursor of the next page or None, and how many there are."""

    items: list[T]
    next: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What it takes to place every image of a listing without fetching any."""

    ids: NDArray[np.int64]  # (n,) in the listing's order
    ratios: NDArray[np.int64]  # (n,) width * 100 / height, rounded
    taken_at: NDArray[np.int64]  # (n,) seconds, or UNDATED


@dataclass(frozen=True, slots=True)
class Facets:
    """What there is to filter by, with counts."""

    formats: list[tuple[str, int]]  # commonest first
    orientations: list[tuple[str, int]]  # of those that occur
    taken_from: int | None  # None where no image has a date
    taken_to: int | None
    undated: int


@dataclass(frozen=True, slots=True)
class Counts:
    images: int
    rejected: int
    offline: int


def count(catalog: Catalog, filter: Filter) -> int:
    """How many images pass the filter."""
    conditions, values = _conditions(filter)
    sql = f"SELECT count(*) FROM images {_where(conditions)}"
    return int(catalog.connection.execute(sql, values).fetchone()[0])


def page(
    catalog: Catalog, sort: str, filter: Filter, cursor: str | None, limit: int
) -> tuple[list[ImageRecord], str | None]:
    """The `limit` images behind `cursor`, and the cursor behind those, if there are more."""
    order = _Order.of(sort)
    ids: list[int] = []
    for sql, values in order.selects("images.id", filter, cursor):
        left = limit + 1 - len(ids)
        ids += [id for (id,) in catalog.connection.execute(f"{sql} LIMIT ?", (*values, left))]
        if len(ids) > limit:
            break
    items = images(catalog, ids[:limit])
    return items, order.cursor(items[-1]) if len(ids) > limit else None


def images(catalog: Catalog, ids: list[int]) -> list[ImageRecord]:
    """Those images in that order, missing ones left out."""
    return [image for id in ids if (image := catalog.image(id))]


def layout(catalog: Catalog, sort: str, filter: Filter) -> Layout:
    """Every image of a listing, in order."""
    columns = f"images.id, ratio, ifnull(taken_at, {UNDATED})"
    rows = chain.from_iterable(
        catalog.connection.execute(sql, values)
        for sql, values in _Order.of(sort).selects(columns, filter)
    )
    flat = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 3)
    return Layout(*np.ascontiguousarray(flat.T))


def folders(catalog: Catalog) -> list[tuple[str, int]]:
    """Every folder that holds images itself, and how many."""
    rows = catalog.connection.execute(
        """SELECT folder, images
           FROM (SELECT folder_id, count(*) AS images FROM images GROUP BY folder_id)
           JOIN folders ON folders.id = folder_id ORDER BY folder"""
    )
    return [(os.fsdecode(folder), images) for folder, images in rows]


def facets(catalog: Catalog) -> Facets:
    """What there is to filter by, from one pass over an index."""
    names = catalog.formats()
    formats: Counter[str] = Counter()
    orientations: Counter[int] = Counter()
    for format_id, orientation, images in catalog.connection.execute(
        "SELECT format_id, orientation, count(*) FROM images GROUP BY 1, 2"
    ):
        formats[names[format_id]] += images
        orientations[orientation] += images
    first, last, undated = catalog.connection.execute(
        """SELECT (SELECT min(taken_at) FROM images), (SELECT max(taken_at) FROM images),
                  (SELECT count(*) FROM images WHERE taken_at IS NULL)"""
    ).fetchone()
    return Facets(
        formats.most_common(),
        [(ORIENTATIONS[code], images) for code, images in sorted(orientations.items())],
        first,
        last,
        undated,
    )


def rejected(catalog: Catalog, cursor: str | None, limit: int) -> Page[RejectedRecord]:
    """Rejected files by path."""
    behind = _bytes(cursor) if cursor else b""
    rows = catalog.connection.execute(
        """SELECT path, size_bytes, mtime_ns, reason, lacks FROM rejected
           WHERE path > ? ORDER BY path LIMIT ?""",
        (behind, limit + 1),
    ).fetchall()
    items = [rejected_record(row) for row in rows[:limit]]
    return Page(
        items, rows[limit - 1][0].hex() if len(rows) > limit else None, counts(catalog).rejected
    )


def counts(catalog: Catalog) -> Counts:
    return Counts(
        *catalog.connection.execute(
            """SELECT (SELECT count(*) FROM images), (SELECT count(*) FROM rejected),
                      (SELECT count(*) FROM images WHERE offline)"""
        ).fetchone()
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """One of SORTS, one way or the other."""

    sort: str
    descending: bool

    @classmethod
    def of(cls, sort: str) -> _Order:
        name = sort.removeprefix("-")
        if name not in SORTS:
            raise UsageError(
                f"sort {sort!r} is not one of {', '.join(SORTS)}, or one of them after a minus sign"
            )
        return cls(name, sort.startswith("-"))

    @property
    def tables(self) -> str:
        # CROSS JOIN keeps SQLite from turning the loops round and sorting instead.
        if self.sort == "folder":
            return "folders CROSS JOIN images ON folder_id = folders.id"
        return f"images INDEXED BY images_by_{self.sort}"

    @property
    def by(self) -> str:
        direction = "DESC" if self.descending else "ASC"
        return "ORDER BY " + ", ".join(f"{column} {direction}" for column in self._columns)

    @property
    def _columns(self) -> tuple[str, ...]:
        return {
            "date": ("taken_at", "images.id"),
            "name": ("name_key", "images.id"),
            "folder": ("folder", "name_key", "images.id"),
        }[self.sort]

    def selects(
        self, columns: str, filter: Filter, cursor: str | None = None
    ) -> list[tuple[str, list[Any]]]:
        """Statements, and their values, that one after the other list the images behind `cursor` in
        this order: those with a date and those without are at different ends of an index."""
        parts: list[str | None] = [None]
        if self.sort == "date":
            parts = ["taken_at IS NULL"]
            if not filter.undated and not (cursor and cursor.startswith(".")):
                parts.insert(0, "taken_at IS NOT NULL")
        found = []
        for place, part in enumerate(parts):
            conditions, values = _conditions(filter)
            if part:
                conditions.append(part)
            if cursor is not None and place == 0:
                condition, position = self._behind(cursor)
                conditions, values = [*conditions, condition], [*values, *position]
            sql = f"SELECT {columns} FROM {self.tables} {_where(conditions)} {self.by}"
            found.append((sql, values))
        return found

    def cursor(self, image: ImageRecord) -> str:
        """The position of an image in this order, as text that is safe in a URL."""
        if self.sort == "date":
            return f"{'' if image.taken_at is None else image.taken_at}.{image.id}"
        parts = [name_key(image.name).hex(), str(image.id)]
        if self.sort == "folder":
            parts.insert(0, os.fsencode(image.folder).hex())
        return ".".join(parts)

    def _behind(self, cursor: str) -> tuple[str, list[Any]]:
        """The condition that holds for images behind a position, and its values."""
        *parts, id = cursor.split(".")
        if len(parts) != len(self._columns) - 1:
            raise _bad_cursor(cursor)
        undated = self.sort == "date" and parts == [""]
        if undated:
            parts = []
        try:
            keys = [int(part) if self.sort == "date" else bytes.fromhex(part) for part in parts]
            values = [*keys, int(id)]
        except ValueError:
            raise _bad_cursor(cursor) from None
        if any(isinstance(value, int) and abs(value) > LARGEST for value in values):
            raise _bad_cursor(cursor)
        sign = "<" if self.descending else ">"
        if undated:
            return f"images.id {sign} ?", values
        if self.sort != "folder":
            return f"({', '.join(self._columns)}) {sign} (?, ?)", values
        # The first term lets SQLite start at the folder; a row value over two tables would not.
        folder, *rest = values
        return (
            f"(folder {sign}= ? AND (folder <> ? OR (name_key, images.id) {sign} (?, ?)))",
            [folder, folder, *rest],
        )


def _conditions(filter: Filter) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []

    def add(condition: str, *of: Any) -> None:
        conditions.append(condition)
        values.extend(of)

    if filter.folder:
        folder = os.fsencode(filter.folder.rstrip("/"))
        add(
            "folder_id IN (SELECT id FROM folders WHERE folder = ? OR folder > ? AND folder < ?)",
            folder,
            folder + b"/",
            folder + b"0",  # the character after "/"
        )
    if filter.formats is not None:
        marks = ",".join("?" * len(filter.formats))
        add(f"format_id IN (SELECT id FROM formats WHERE format IN ({marks}))", *filter.formats)
    if filter.orientation is not None:
        add("orientation = ?", ORIENTATIONS.index(filter.orientation))
    if filter.taken_from is not None:
        add("taken_at >= ?", filter.taken_from)
    if filter.taken_to is not None:
        add("taken_at <= ?", filter.taken_to)
    if filter.undated:
        add("taken_at IS NULL")
    return conditions, values


def _where(conditions: list[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _bytes(cursor: str) -> bytes:
    try:
        return bytes.fromhex(cursor)
    except ValueError:
        raise _bad_cursor(cursor) from None


def _bad_cursor(cursor: str) -> UsageError:
    return UsageError(f"cursor {cursor[:40]!r} is not from this listing")
