"""A BigTIFF as the TIFF that it would be if it were small: its directories are written anew.

Pillow reads some BigTIFF files, none of big-endian order, and not all of what the others say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

SIGNATURES = b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"
# Of a value of each type, by their number (TIFF 6.0; the last three are BigTIFF's).
BYTES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), 1)) | {16: 8, 17: 8, 18: 8}
SMALL = {16: (4, "Q", "I"), 17: (9, "q", "i"), 18: (13, "Q", "I")}  # what a TIFF has in their place
DIRECTORIES = {330, 34665, 34853}  # tags that point to further ones: SubIFDs, Exif and GPS
DIRECTORIES_MAX, ENTRIES_MAX = 64, 4096


def as_tiff(data: bytes) -> bytes:
    """The file with directories of a TIFF behind it; unchanged if it is no BigTIFF, is larger
    than a TIFF can be, or has damaged directories."""
    if not data.startswith(SIGNATURES):
        return data
    try:
        return _Rewriter(data).file()
    except (struct.error, KeyError, OverflowError):
        return data


class _Rewriter:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.more = bytearray(len(data) % 2)  # what comes behind the file
        self.written = 0

    def file(self) -> bytes:
        (first,) = struct.unpack_from(self.order + "Q", self.data, 8)
        start = struct.pack(self.order + "HI", 42, self._chain(first))
        return b"".join((self.data[:2], start, memoryview(self.data)[8:], self.more))

    def _chain(self, place: int) -> int:
        """Write a directory and those that follow it; where it is now, 0 for none."""
        if not place or self.written >= DIRECTORIES_MAX:
            return 0
        self.written += 1
        (count,) = struct.unpack_from(self.order + "Q", self.data, place)
        count = min(count, ENTRIES_MAX)
        (after,) = struct.unpack_from(self.order + "Q", self.data, place + 8 + 20 * count)
        entries = b"".join(self._entries(place + 8, count))
        count = len(entries) // 12
        following = self._chain(after)
        table = struct.pack(self.order + "H", count) + entries
        return self._put(table + struct.pack(self.order + "I", following))

    def _entries(self, place: int, count: int) -> Iterator[bytes]:
        for at in range(place, place + 20 * count, 20):
            tag, kind, values = struct.unpack_from(self.order + "HHQ", self.data, at)
            size, start = values * BYTES[kind], at + 12
            if size > 8:
                (start,) = self._numbers("Q", 1, start)
            if kind in SMALL or tag in DIRECTORIES:
                kind, code, small = SMALL.get(kind, (kind, "I", "I"))
                numbers = self._numbers(code, values, start)
                if tag in DIRECTORIES:
                    numbers = tuple(map(self._chain, numbers))
                value = struct.pack(f"{self.order}{values}{small}", *numbers)
                if len(value) > 4:
                    value = struct.pack(self.order + "I", self._put(value))
            elif size <= 4:
                value = self.data[start : start + size]
            else:  # it stays where it is
                value = struct.pack(self.order + "I", start)
            yield struct.pack(self.order + "HHI", tag, kind, values) + value.ljust(4, b"\0")

    def _numbers(self, code: str, count: int, place: int) -> tuple[int, ...]:
        return struct.unpack_from(f"{self.order}{count}{code}", self.data, place)

    def _put(self, content: bytes) -> int:
        place = len(self.data) + len(self.more)
        self.more += content + bytes(len(content) % 2)
        if len(self.more) > len(self.data):  # its parts take less than before; these overlap
            raise OverflowError
        return place
