"""A file of which parts are left out: the parts that stay, and a file object that reads them."""

from __future__ import annotations

import bisect
import io
import os
from typing import BinaryIO, NamedTuple

STEPS_MAX = 1_000_000  # a GIF of 128 MiB has half as many blocks
PIECES_MAX = 4096  # a photo has about ten, an animation one a frame


class Pieces:
    """What is left of some bytes: ranges of them, and a few new ones between."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.parts: list[range | bytes] = []
        self._steps = 0

    def keep(self, start: int, end: int) -> None:
        """The bytes from `start` to `end`; ValueError if they are not all there."""
        self.step()
        if not 0 <= start <= end <= len(self.data):
            raise ValueError("truncated")
        last = self.parts[-1] if self.parts else None
        if isinstance(last, range) and last.stop == start:
            self.parts[-1] = range(last.start, end)
        elif start < end:
            self.parts.append(range(start, end))
        if len(self.parts) > PIECES_MAX:
            raise ValueError("too many pieces")

    def add(self, new: bytes) -> None:
        """Bytes that are not in the file."""
        self.parts.append(new)

    def step(self) -> None:
        """Count what is looked at: a hostile file must not take minutes."""
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise ValueError("too many parts")

    def joined(self) -> bytes:
        return b"".join(
            part if isinstance(part, bytes) else self.data[part.start : part.stop]
            for part in self.parts
        )


class Version(NamedTuple):
    """What tells one file and its content from another."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, file: BinaryIO) -> Version:
        stat = os.fstat(file.fileno())
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev)


class Sized(io.RawIOBase):
    """Something of a known size that reads as a file; `read` makes its bytes."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size_bytes}[whence]
        self._place = max(0, origin + offset)
        return self._place


class Spliced(Sized):
    """Reads the parts of a file that stay; nothing of them is kept in memory.

    A file that is no longer as it was looked at ends in an OSError: its parts may be elsewhere.
    """

    def __init__(self, file: BinaryIO, parts: list[range | bytes], version: Version) -> None:
        self._file, self._parts, self._version = file, parts, version
        self._ends: list[int] = []
        end = 0
        for part in parts:
            end += len(part)
            self._ends.append(end)
        super().__init__(end)

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer only at the end."""
        left = self.size_bytes - self._place
        left = max(0, left if size < 0 else min(size, left))
        found = []
        while left:
            number = bisect.bisect_right(self._ends, self._place)
            part = self._parts[number]
            skip = self._place - (self._ends[number] - len(part))
            chunk = self._read_part(part, skip, left)
            found.append(chunk)
            self._place += len(chunk)
            left -= len(chunk)
        return b"".join(found)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _read_part(self, part: range | bytes, skip: int, most: int) -> bytes:
        if isinstance(part, bytes):
            return part[skip : skip + most]
        size = min(most, len(part) - skip)
        chunk = os.pread(self._file.fileno(), size, part.start + skip)
        if not chunk or Version.of(self._file) != self._version:
            raise OSError("an original has changed while it was being sent")
        return chunk
