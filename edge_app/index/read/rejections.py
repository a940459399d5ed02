"""The files that could not be used, grouped by what they lack."""

from __future__ import annotations

import os
from dataclasses import dataclass

from edge_app.index.format.catalog import Catalog
from edge_app.photos.reading.lacks import group_of

NAMED = 10  # files of a group


@dataclass(frozen=True, slots=True)
class Rejections:
    """Files that were rejected for one reason."""

    reason: str
    advice: str | None  # what to do about it, where something can be done
    count: int
    paths: tuple[str, ...]  # the first of them


def rejections(catalog: Catalog, named_max: int = NAMED) -> list[Rejections]:
    """Every group, the most frequent first; of each at most `named_max` files by name."""
    groups: dict[tuple[str, str | None], list[str]] = {}
    counts: dict[tuple[str, str | None], int] = {}
    rows = catalog.connection.execute("SELECT reason, lacks, path FROM rejected ORDER BY path")
    for reason, lacks, blob in rows:
        path = os.fsdecode(blob)
        group = group_of(reason, lacks, path)
        counts[group] = counts.get(group, 0) + 1
        named = groups.setdefault(group, [])
        if len(named) < named_max:
            named.append(path)
    order = sorted(groups, key=lambda group: (-counts[group], group[0]))
    return [Rejections(*group, counts[group], tuple(groups[group])) for group in order]
