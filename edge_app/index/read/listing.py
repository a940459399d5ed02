"""What people browse: images in order, page by page, filtered, and the counts beside them.

How pages are ordered and where each begins is in `order`. Photos without a date are at the end of
both orders by date.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_app.index.format.catalog import Catalog
from edge_app.index.format.records import (
    ORIENTATIONS,
    UNDATED,
    ImageRecord,
    RejectedRecord,
    rejected_record,
)
from edge_app.index.read.filters import Filter
from edge_app.index.read.numbers import read_numbers
from edge_app.index.read.order import Order, bad_cursor, conditions_of, where

T = TypeVar("T")
LAYOUT_MAX = 1_000_000  # images of one layout: 10 MB as JSON


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a listing, the cursor of the next page or None, and how many there are."""

    items: list[T]
    next: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What it takes to place images of a listing without fetching any."""

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
    conditions, values = conditions_of(filter)
    sql = f"SELECT count(*) FROM images {where(conditions)}"
    return int(catalog.connection.execute(sql, values).fetchone()[0])


def page(
    catalog: Catalog, sort: str, filter: Filter, cursor: str | None, limit: int
) -> tuple[list[ImageRecord], str | None]:
    """The `limit` images behind `cursor`, and the cursor behind those, if there are more."""
    order = Order.of(sort)
    ids: list[int] = []
    for sql, values in order.selects("images.id", filter, cursor):
        left = limit + 1 - len(ids)
        ids += [id for (id,) in catalog.connection.execute(f"{sql} LIMIT ?", (*values, left))]
        if len(ids) > limit:
            break
    items = catalog.images_of(ids[:limit])
    return items, order.cursor(items[-1]) if len(ids) > limit else None


def layout(catalog: Catalog, sort: str, filter: Filter, offset: int, limit: int) -> Layout:
    """`limit` images of a listing, in order, after the first `offset`. An offset is passed over in
    an index: the last of 5,000,000 images take 0.2 s."""
    columns = f"images.id AS id, ratio, ifnull(taken_at, {UNDATED}) AS at"
    parts, left = [], limit
    for sql, values in Order.of(sort).selects(columns, filter):
        part = f"{sql} LIMIT ? OFFSET ?"
        found = read_numbers(catalog, ("id", "ratio", "at"), part, (*values, left, offset))
        parts.append(found)
        left -= found.shape[1]
        if left == 0:
            break
        if offset:  # of the next part, if this one is shorter
            sql = f"SELECT count(*) FROM ({sql})"
            offset = max(0, offset - catalog.connection.execute(sql, values).fetchone()[0])
    return Layout(*np.concatenate(parts, axis=1))


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
    # Counted here: SQLite sorts what it groups, which takes twice as long.
    kinds = read_numbers(
        catalog, ("kind",), "SELECT (format_id << 8) | orientation AS kind FROM images", ()
    )[0]
    found, times = np.unique(kinds, return_counts=True)
    for kind, images in zip(found.tolist(), times.tolist(), strict=True):
        formats[names[kind >> 8]] += images
        orientations[kind & 255] += images
    first, last, undated = catalog.connection.execute(
        """SELECT (SELECT min(taken_at) FROM images), (SELECT max(taken_at) FROM images),
                  (SELECT count(*) FROM images WHERE taken_at IS NULL)"""
    ).fetchone()
    if not all(isinstance(seconds, int | None) for seconds in (first, last)):
        raise TypeError("a date is no number")
    return Facets(
        formats.most_common(),
        [(ORIENTATIONS[code], images) for code, images in sorted(orientations.items())],
        first,
        last,
        undated,
    )


def rejected(catalog: Catalog, cursor: str | None, limit: int) -> Page[RejectedRecord]:
    """Rejected files by path."""
    try:
        behind = bytes.fromhex(cursor or "")
    except ValueError:
        raise bad_cursor(cursor or "") from None
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
