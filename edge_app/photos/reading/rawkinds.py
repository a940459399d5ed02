"""Recognises RAW files by their bytes. Most are TIFF files in all but what their pixels mean."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

# What begins unlike any TIFF; the others are told by their tags.
SIGNATURES = {
    "CR2": rb"II\*\0....CR",
    "CR3": rb"....ftypcrx ",
    "RAF": rb"FUJIFILMCCD-RAW",
    "ORF": rb"IIR[OS]|MMOR",
    "RW2": rb"IIU\0",
}
MAKES = {"NIKON": "NEF", "SONY": "ARW", "PENTAX": "PEF", "RICOH": "PEF", "SAMSUNG": "SRW"}
OTHER = "RAW"  # of another maker
KINDS = frozenset([*SIGNATURES, *MAKES.values(), "DNG", OTHER])

COMPRESSION, PHOTOMETRIC, MAKE, SUB_IFDS, DNG_VERSION = (
    259,
    262,
    271,
    330,
    50706,
)  # tags (TIFF 6.0, DNG 1.6)
MOSAIC, LINEAR = 32803, 34892  # PHOTOMETRIC: a colour a pixel as the sensor sees it, or all
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 11: 4, 13: 4}
DIRECTORIES = 16  # looked at
ENTRIES = 1000  # of a directory, at most

Entry = tuple[int, int, int]  # type, count, and where the value is


def raw_kind(data: bytes) -> str | None:
    """One of KINDS, None for what is no RAW file."""
    for kind, start in SIGNATURES.items():
        if re.match(start, data, re.DOTALL):
            return kind
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    try:
        return _Tiff(data).kind()
    except struct.error:  # a damaged TIFF, which its decoder says
        return None


def is_linear(data: bytes) -> bool:
    """Whether a RAW file has every colour of each pixel, as some DNGs do."""
    return data[:4] in (b"II*\0", b"MM\0*") and LINEAR in _Tiff(data).values(PHOTOMETRIC)


def values_of(data: bytes, tag: int) -> set[int]:
    """What a tag of a TIFF file says in any of its directories; empty where damaged."""
    try:
        return _Tiff(data).values(tag) if data[:4] in (b"II*\0", b"MM\0*") else set()
    except struct.error:
        return set()


class _Tiff:
    """The first directory of a TIFF file, and those below it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.first = self._directory(*struct.unpack_from(self.order + "I", data, 4))
        self.all = [self.first, *map(self._directory, self._numbers(self.first, SUB_IFDS))]

    def kind(self) -> str | None:
        if DNG_VERSION in self.first:
            return "DNG"
        if not self.values(PHOTOMETRIC) & {MOSAIC, LINEAR}:
            return None
        _, count, place = self.first.get(MAKE, (0, 0, 0))
        make = self.data[place : place + min(count, 40)].decode("latin-1").upper()
        return next((kind for name, kind in MAKES.items() if make.startswith(name)), OTHER)

    def values(self, tag: int) -> set[int]:
        """Those of a tag in any directory."""
        return {value for directory in self.all for value in self._numbers(directory, tag)}

    def _directory(self, place: int) -> dict[int, Entry]:
        (count,) = struct.unpack_from(self.order + "H", self.data, place)
        found = {}
        for number in range(min(count, ENTRIES)):
            at = place + 2 + 12 * number
            tag, kind, values = struct.unpack_from(self.order + "HHI", self.data, at)
            at += 8
            if values * TYPE_BYTES.get(kind, 8) > 4:
                (at,) = struct.unpack_from(self.order + "I", self.data, at)
            found[tag] = kind, values, at
        return found

    def _numbers(self, directory: dict[int, Entry], tag: int) -> Iterator[int]:
        """The first values of a tag of type SHORT, LONG or IFD."""
        kind, count, place = directory.get(tag, (0, 0, 0))
        code = {3: "H", 4: "I", 13: "I"}.get(kind)
        if code:
            count = min(count, DIRECTORIES)
            yield from struct.unpack_from(f"{self.order}{count}{code}", self.data, place)
