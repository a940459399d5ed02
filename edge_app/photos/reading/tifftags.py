"""Reads the directories of a TIFF file: which tags there are, and what they say (TIFF 6.0)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURES = b"II*\0", b"MM\0*"
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 11: 4, 13: 4}
CODES = {3: "H", 4: "I", 13: "I"}  # of the types SHORT, LONG and IFD
ENTRIES = 1000  # of a directory, at most
VALUES = 16  # of a tag, at most


@dataclass(frozen=True, slots=True)
class Entry:
    """Of a tag."""

    place: int  # where the entry is
    kind: int  # its type
    count: int
    value: int  # where the first value is


class Directories:
    """Those of a file that begins as SIGNATURES say; struct.error where they are damaged."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"

    def first(self) -> dict[int, Entry]:
        """The first one, by tag."""
        return self.at(*struct.unpack_from(self.order + "I", self.data, 4))

    def at(self, place: int) -> dict[int, Entry]:
        """The one that begins there, by tag."""
        (count,) = struct.unpack_from(self.order + "H", self.data, place)
        found = {}
        for number in range(min(count, ENTRIES)):
            entry = place + 2 + 12 * number
            tag, kind, values = struct.unpack_from(self.order + "HHI", self.data, entry)
            value = entry + 8
            if values * TYPE_BYTES.get(kind, 8) > 4:
                (value,) = struct.unpack_from(self.order + "I", self.data, value)
            found[tag] = Entry(entry, kind, values, value)
        return found

    def numbers(self, directory: dict[int, Entry], tag: int) -> Iterator[int]:
        """The first values of a tag of type SHORT, LONG or IFD."""
        entry = directory.get(tag)
        if entry and entry.kind in CODES:
            code = f"{self.order}{min(entry.count, VALUES)}{CODES[entry.kind]}"
            yield from struct.unpack_from(code, self.data, entry.value)
