"""What the Python face takes and gives: sources of a query, hits, groups."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.config import Place
from edge_app.errors import UsageError
from edge_app.index.format.records import ImageRecord
from edge_app.library import places
from edge_app.search.alike.duplicates import Kind
from edge_app.search.alike.keep import Reason as KeepReason
from edge_app.search.scale import Band

Source = str | os.PathLike[str] | bytes | int | np.integer[Any] | NDArray[np.float32]
Sides = tuple[float, float, float, float]
Library = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Hit:
    """One match: the image, and how similar it is."""

    image: ImageRecord
    score: float  # cosine, −1…1; 1 for the same picture
    folded: tuple[int, ...] = ()  # with `collapse`: ids of near-duplicates of this match
    band: Band | None = None  # how the score reads; None where `Index.scale` says nothing


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Near-duplicates of one another; see `Index.duplicates`."""

    images: tuple[ImageRecord, ...]
    scores: tuple[float, ...]  # of each with the first
    kind: Kind
    keep: int | None = None  # id of the copy to keep; None of what is alike, or not known
    keep_reason: KeepReason | None = None  # what decided it; "unknown": an original can't be read

    @property
    def exact(self) -> bool:
        """Whether all are copies of one file."""
        return self.kind == "identical"


def several(sources: Source | Sequence[Source]) -> Sequence[Source]:
    """One is a sequence of one; a vector is one, a matrix several."""
    if isinstance(sources, np.ndarray):
        return [sources] if sources.ndim == 1 else list(sources)
    if isinstance(sources, str | bytes | os.PathLike) or not isinstance(sources, Sequence):
        return [sources]
    return sources


def texts(texts: str | Sequence[str]) -> Sequence[str]:
    """One is a sequence of one."""
    return [texts] if isinstance(texts, str) else texts


def vector(numbers: NDArray[Any]) -> NDArray[np.float32]:
    """(dim,) of any number type -> (dim,) float32; UsageError for any other array."""
    if numbers.ndim != 1 or numbers.dtype.kind not in "fiu":
        raise UsageError(
            f"an array of {numbers.ndim} dimensions and type {numbers.dtype} is no vector: "
            "one dimension of numbers"
        )
    return numbers.astype(np.float32, copy=False)


def plain(source: str | os.PathLike[str] | bytes) -> str | bytes:
    """A path as text, or the bytes of a file; UsageError for what is neither."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    raise UsageError(
        f"{type(source).__name__} is nothing to search for: a file, bytes, an id or a NumPy vector"
    )


def seconds(day: date | None, *, end: bool = False) -> int | None:
    """Seconds since 1970 of a day's start or `end`, or of a moment; without zones, as cameras."""
    if day is None:
        return None
    if isinstance(day, datetime):
        return int(day.replace(tzinfo=UTC).timestamp())
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int((start + timedelta(days=1, seconds=-1) if end else start).timestamp())


def places_of(library: Library) -> dict[str, Any]:
    """The settings for one place, or for several by name."""
    named = library if isinstance(library, Mapping) else {"": library}
    return places.settings([Place(name, os.fspath(root)) for name, root in named.items()])
