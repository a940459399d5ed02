"""The orders of listings, and filters, as SQL.

Each order has an index that holds the filtered columns too, so a page among 200,000 images takes
milliseconds. Pages continue behind the last image seen, not at an offset: images that come and go
meanwhile neither repeat others nor hide them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from edge_app.errors import UsageError
from edge_app.index.format.records import ORIENTATIONS, ImageRecord, name_key
from edge_app.index.format.schema import LARGEST
from edge_app.index.read.filters import Filter

SORTS = ("date", "name", "folder")  # each also with a "-" before it: the other way round


@dataclass(frozen=True, slots=True)
class Order:
    """One of SORTS, one way or the other."""

    sort: str
    descending: bool

    @classmethod
    def of(cls, sort: str) -> Order:
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
            conditions, values = conditions_of(filter)
            if part:
                conditions.append(part)
            if cursor is not None and place == 0:
                condition, position = self._behind(cursor)
                conditions, values = [*conditions, condition], [*values, *position]
            sql = f"SELECT {columns} FROM {self.tables} {where(conditions)} {self.by}"
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
            raise bad_cursor(cursor)
        undated = self.sort == "date" and parts == [""]
        if undated:
            parts = []
        try:
            keys = [int(part) if self.sort == "date" else bytes.fromhex(part) for part in parts]
            values = [*keys, int(id)]
        except ValueError:
            raise bad_cursor(cursor) from None
        if any(isinstance(value, int) and abs(value) > LARGEST for value in values):
            raise bad_cursor(cursor)
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


def conditions_of(filter: Filter) -> tuple[list[str], list[Any]]:
    """Conditions that must all hold, and their values."""
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


def where(conditions: list[str]) -> str:
    """A WHERE clause of conditions that must all hold, or nothing."""
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def bad_cursor(cursor: str) -> UsageError:
    """What to say of a cursor that no page gave."""
    return UsageError(f"cursor {cursor[:40]!r} is not from this listing")
