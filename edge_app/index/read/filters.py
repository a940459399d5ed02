"""Which rows of a snapshot a query may return: by folder, date, format and orientation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_app.errors import UsageError
from edge_app.index.format.records import ORIENTATIONS, UNDATED

if TYPE_CHECKING:
    from edge_app.index.read.snapshot import Snapshot


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
        conditions = []
        if self.folder:
            below = self.folder.rstrip("/") + "/"
            wanted = [f"{folder}/".startswith(below) for folder in snapshot.folders]
            # Every place is valid; clipping spares numpy the check, half of the time.
            # Without any folder all rows are dead, but numpy takes nothing from an empty array.
            wanted = wanted or [False]
            conditions.append(np.array(wanted, bool).take(snapshot.folder, mode="clip"))
        if self.formats is not None:
            places = [i for i, name in enumerate(snapshot.formats) if name in self.formats]
            conditions.append(_is_one_of(snapshot.format, places))
        if self.orientation is not None:
            conditions.append(snapshot.orientation == ORIENTATIONS.index(self.orientation))
        if self.taken_from is not None:
            conditions.append(snapshot.taken_at >= self.taken_from)
        if self.taken_to is not None:
            conditions.append(snapshot.taken_at <= self.taken_to)
            conditions.append(snapshot.taken_at != UNDATED)
        if self.undated:
            conditions.append(snapshot.taken_at == UNDATED)
        return np.logical_and.reduce(conditions) if conditions else None


def _is_one_of(column: NDArray[np.uint8], values: list[int]) -> NDArray[np.bool_]:
    """(rows,) bool; for few values, which are compared one after the other."""
    found = np.zeros(len(column), bool)
    for value in values:
        found |= column == value
    return found
