"""Which rows of a snapshot a query may return: by folder, date, format and orientation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_app.errors import UsageError
from edge_app.index.format.records import ORIENTATIONS, UNDATED

if TYPE_CHECKING:
    from edge_app.index.read.snapshot import Snapshot

_EARLIEST = UNDATED + 1  # any date; what is undated is before


@dataclass(frozen=True, slots=True)
class Filter:
    """What a match must be; None leaves a property free."""

    folder: str | None = None  # this folder and all below it; "" is the library root
    taken_from: int | None = None  # seconds since 1970, inclusive; undated photos are in no range
    taken_to: int | None = None  # seconds since 1970, inclusive
    formats: frozenset[str] | None = None  # Pillow's names: "JPEG", "PNG", ...
    orientation: str | None = None  # one of ORIENTATIONS
    undated: bool = False  # only photos without a date
    min_score: float | None = None  # a cosine, inclusive; holds for scores, not in `mask`

    def __post_init__(self) -> None:
        if self.orientation is not None and self.orientation not in ORIENTATIONS:
            raise UsageError(
                f"orientation {self.orientation!r} is not one of {', '.join(ORIENTATIONS)}"
            )
        if self.min_score is not None and not -1 <= self.min_score <= 1:  # NaN fails too
            raise UsageError(f"min_score {self.min_score} is not between -1 and 1")
        first, last = self.taken_from, self.taken_to
        if first is not None and last is not None and first > last:
            raise UsageError("the range of dates ends before it begins: swap from and to")

    def mask(self, snapshot: Snapshot) -> NDArray[np.bool_] | None:
        """(rows,) bool, true where a row may be returned; None where every row may."""
        mask: NDArray[np.bool_] | None = None
        for condition in self._conditions(snapshot):
            mask = condition if mask is None else np.logical_and(mask, condition, out=mask)
        return mask

    def _conditions(self, snapshot: Snapshot) -> Iterator[NDArray[np.bool_]]:
        """(rows,) bool each, new ones."""
        if self.folder:
            below = self.folder.rstrip("/") + "/"
            wanted = [f"{folder}/".startswith(below) for folder in snapshot.folders]
            # Every place is valid; clipping spares numpy the check, half of the time.
            # Without any folder all rows are dead, but numpy takes nothing from an empty array.
            wanted = wanted or [False]
            yield np.array(wanted, bool).take(snapshot.folder, mode="clip")
        if self.formats is not None:
            places = [i for i, name in enumerate(snapshot.formats) if name in self.formats]
            yield _is_one_of(snapshot.format, places)
        if self.orientation is not None:
            yield snapshot.orientation == ORIENTATIONS.index(self.orientation)
        if self.taken_from is not None or self.taken_to is not None:
            yield snapshot.taken_at >= (_EARLIEST if self.taken_from is None else self.taken_from)
        if self.taken_to is not None:
            yield snapshot.taken_at <= self.taken_to
        if self.undated:
            yield snapshot.taken_at == UNDATED


def _is_one_of(column: NDArray[np.uint8], values: list[int]) -> NDArray[np.bool_]:
    """(rows,) bool; for few values, which are compared one after the other."""
    if not values:
        return np.zeros(len(column), bool)
    first, *others = values
    found: NDArray[np.bool_] = column == first
    for value in others:
        found |= column == value
    return found
