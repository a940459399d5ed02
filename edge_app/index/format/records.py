"""What the catalogue records, as values: of an image, a row, a file, a generation, the whole.

Paths are `str` with surrogate escapes here and BLOBs in SQLite, so any name round-trips as bytes.
"""

from __future__ import annotations

import os
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "bool": (bool,),
    "str": (str,),
    "bytes": (bytes,),
    "str | None": (str, type(None)),
    "int | None": (int, type(None)),
    "tuple[str, ...]": (tuple,),
    "bool | None": (bool, type(None)),
}
_MAY_BE_NEGATIVE = {"mtime_ns", "taken_at"}
UNDATED = -(2**63)  # in place of `taken_at` in arrays, which have no None; no date is that early

LANDSCAPE, PORTRAIT, SQUARE = 0, 1, 2
ORIENTATIONS = ("landscape", "portrait", "square")  # a name's place is its number


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What the catalogue says of one image."""

    id: int  # never reused
    path: str  # relative to the library root, surrogate escapes for bytes that aren't UTF-8
    size_bytes: int
    mtime_ns: int
    content: bytes  # BLAKE2b-128 of the file
    width_px: int
    height_px: int
    format: str
    taken_at: int | None  # the camera's wall clock read as if UTC, seconds; None: undated
    taken_from: str | None  # "exif", "xmp" or "name" (of the file); None: undated
    camera: str | None
    note: str | None  # photos.children.decode.INCOMPLETE, or None
    offline: bool
    thumb_offset: int
    thumb_bytes: int
    thumb_crc: int
    version: str = ""  # see library.scan.FoundFile
    mount: str = ""
    raws: tuple[str, ...] = ()  # names of its RAW files, in the same folder
    pattern: int | None = None  # of photos.pattern, below 2**64; None where nobody has made one
    located: bool | None = None  # whether the file says where it was taken; None: nobody looked
    taken_ms: int | None = None  # milliseconds within the second of taken_at, where it says

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of all its files, the one that is shown first."""
        folder = f"{self.folder}/" if self.folder else ""
        return (self.path, *(folder + name for name in self.raws))

    @property
    def orientation(self) -> int:
        if self.width_px == self.height_px:
            return SQUARE
        return LANDSCAPE if self.width_px > self.height_px else PORTRAIT


@dataclass(frozen=True, slots=True)
class RowRecord:
    """Which image a row of a generation belongs to, and what its bytes add up to."""

    generation: int
    row: int
    image_id: int
    vector_crc: int
    code_crc: int
    tiles_crc: int


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A file that is no image we can use; tried again when its size, mtime or `lacks` changes."""

    path: str
    size_bytes: int
    mtime_ns: int
    reason: str
    lacks: str = ""  # what it would take, see photos.reading.lacks; "" is tried again once
    version: str = ""  # see library.scan.FoundFile


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """One set of per-row files."""

    generation: int
    model: str
    tiles: int
    rows: int
    live: int


@dataclass(frozen=True, slots=True)
class State:
    """The one record that says which files are the index."""

    root: bytes
    generation: int
    last_generation: int
    last_image: int
    thumbs_generation: int
    thumbs_bytes: int
    openings: int


@dataclass(frozen=True, slots=True)
class ThumbPlace:
    """Where a thumbnail lies: thumbs-<generation>.bin, from a byte on, and its CRC-32."""

    generation: int
    offset: int
    bytes: int
    crc: int


class Known(NamedTuple):
    """What an indexer compares a found file with; a tuple, as every run makes one per image."""

    id: int
    size_bytes: int
    mtime_ns: int
    content: bytes
    offline: bool
    embedded: bool  # has a live row in the generation being written
    version: str = ""
    mount: str = ""
    raws: tuple[str, ...] = ()


def typed(record: T) -> T:
    """The record; sqlite3.DatabaseError unless every value has the type and range of its field.

    SQLite keeps text where a column says INTEGER, and a CRC can be made for that as well.
    """
    values_of, rules = _rules(type(record))  # type: ignore[arg-type]
    for value, (name, types, may_be_negative) in zip(values_of(record), rules, strict=True):
        if type(value) not in types or (not may_be_negative and type(value) is int and value < 0):
            raise sqlite3.DatabaseError(
                f"a record of the catalogue has {ascii(value)[:40]} as {name}"
            )
    return record


@cache
def _rules(kind: type) -> tuple[Callable[[Any], Any], list[tuple[str, tuple[type, ...], bool]]]:
    """What gives the values of a record of this kind, and the rule for each."""
    rules = [
        (field.name, _TYPES[str(field.type)], field.name in _MAY_BE_NEGATIVE)
        for field in fields(kind)
    ]
    return attrgetter(*(name for name, *_ in rules)), rules


def record_crc(values: Iterable[object]) -> int:
    """CRC-32 over values and their types; `ascii` because it prints alike in every Python."""
    return zlib.crc32(ascii(tuple(values)).encode("ascii"))


def name_key(name: str) -> bytes:
    """A key that sorts names as people read them: `img_9` before `IMG_10`."""
    padded = re.sub(r"[0-9]+", lambda digits: digits[0].zfill(10), name.casefold())
    return os.fsencode(padded)


def storable(number: int) -> int | str:
    """As SQLite can hold it: its integers end at 2**63, a file's time in nanoseconds may not."""
    return number if abs(number) < 2**63 else str(number)


def stored(image: ImageRecord) -> tuple[Any, ...]:
    """The values of STORED_COLUMNS, the ones derived from others included: a flipped bit there
    would bend a filter or an order, so the CRC covers them too."""
    folder, _, name = os.fsencode(image.path).rpartition(b"/")
    return (
        image.id,
        folder,
        image.format,
        name,
        name_key(image.name),
        image.size_bytes,
        storable(image.mtime_ns),
        image.content,
        _signed(twin_of(image.content)),
        image.width_px,
        image.height_px,
        image.orientation,
        round(image.width_px * 100 / image.height_px),
        image.taken_at,
        image.taken_from,
        image.camera,
        image.note,
        int(image.offline),
        image.thumb_offset,
        image.thumb_bytes,
        image.thumb_crc,
        image.version,
        os.fsencode(image.mount),
        pack_names(image.raws),
        None if image.pattern is None else _signed(image.pattern),
        None if image.located is None else int(image.located),
        image.taken_ms,
    )


def twin_of(content: bytes) -> int:
    """What a snapshot knows of a fingerprint: its first 64 bits. Identical files have the same."""
    return int.from_bytes(content[:8], "little")


def _signed(number: int) -> int:
    """64 bits as SQLite keeps them; `% 2**64` is the inverse."""
    return number - 2**64 if number >= 2**63 else number


def join_path(folder: bytes, name: bytes) -> str:
    """A path from the two columns that hold it."""
    return os.fsdecode(folder + b"/" + name if folder else name)


def pack_names(names: tuple[str, ...]) -> bytes:
    """Names of files as one value; `unpack_names` is its inverse."""
    return os.fsencode("/".join(names))


def unpack_names(names: bytes) -> tuple[str, ...]:
    """The inverse of `pack_names`."""
    return tuple(os.fsdecode(names).split("/")) if names else ()


def image_record(columns: tuple[Any, ...]) -> ImageRecord:
    """An ImageRecord from a selection of IMAGE_COLUMNS."""
    (
        id, folder, name, size_bytes, mtime_ns, content, width_px, height_px, format, taken_at,
        taken_from, camera, note, offline, thumb_offset, thumb_bytes, thumb_crc, version, mount,
        raws, pattern, located, taken_ms,
    ) = columns  # fmt: skip
    try:
        record = ImageRecord(
            id, join_path(folder, name), size_bytes, int(mtime_ns), content, width_px, height_px,
            format, taken_at, taken_from, camera, note, bool(offline), thumb_offset, thumb_bytes,
            thumb_crc, version, os.fsdecode(mount), unpack_names(raws),
            None if pattern is None else pattern % 2**64,
            None if located is None else bool(located), taken_ms,
        )  # fmt: skip
    except (TypeError, ValueError, OverflowError) as error:
        raise sqlite3.DatabaseError(f"a record of an image is damaged: {error}") from None
    if not (record.width_px and record.height_px):
        raise sqlite3.DatabaseError("a record of the catalogue has an image without pixels")
    return typed(record)


def rejected_record(columns: tuple[Any, ...]) -> RejectedRecord:
    """A RejectedRecord from a selection of all its columns."""
    path, size_bytes, mtime_ns, *others = columns
    try:
        record = RejectedRecord(os.fsdecode(path), size_bytes, int(mtime_ns), *others)
    except (TypeError, ValueError, OverflowError) as error:
        raise sqlite3.DatabaseError(f"a record of a file is damaged: {error}") from None
    return typed(record)
