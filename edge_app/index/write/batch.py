"""What one commit does to the index, as values."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from edge_app.index.format.records import RejectedRecord

BATCH_IMAGES = 256  # a kill costs no more: half is committed while the other half fills


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image to add, or to replace the one at the same path with."""

    path: str
    size_bytes: int
    mtime_ns: int
    content: bytes  # BLAKE2b-128 of the file
    width_px: int
    height_px: int
    format: str
    taken_at: int | None  # None: undated
    camera: str | None
    thumbnail: bytes
    vector: NDArray[np.float32]  # (dim,) unit
    taken_from: str | None = None  # "exif" unless told, where there is a date
    note: str | None = None  # these five as in records.ImageRecord
    raws: tuple[str, ...] = ()
    pattern: int | None = None
    located: bool | None = None
    taken_ms: int | None = None
    tiles: NDArray[np.float32] | None = None  # (T, dim) unit rows, where the writer has tiles
    version: str = ""  # see library.scan.FoundFile
    mount: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """An image whose file has another path, time or RAW files than before, and the same content."""

    id: int
    path: str
    size_bytes: int
    mtime_ns: int
    version: str = ""
    mount: str = ""
    raws: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """What is new of an image whose file is as it was: its version, its drive, its RAW files."""

    id: int
    version: str
    mount: str
    raws: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patterned:
    """An image of an earlier version's index, whose pattern is known now."""

    id: int
    pattern: int


@dataclass(slots=True)
class Batch:
    """What one commit does, all or nothing. A rejected path's image is removed by that alone."""

    images: list[NewImage] = field(default_factory=list)
    rejected: list[RejectedRecord] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)  # image ids
    forgotten: list[str] = field(default_factory=list)  # paths of rejected files that are gone
    offline: list[int] = field(default_factory=list)  # image ids out of reach at present
    online: list[int] = field(default_factory=list)
    noted: list[Noted] = field(default_factory=list)
    patterned: list[Patterned] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return any(getattr(self, part.name) for part in fields(self))
