"""What a person has decided, in text files of the index folder, one record a line.

This is what no index run can make again: it is kept by content, outlives the catalogue and every
generation, and can be added to while an index run is writing.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_app.config import MiB
from edge_app.errors import DiskFullError, StoreError
from edge_app.index.format.appendfile import sync_folder
from edge_app.index.format.locking import DISK_FULL
from edge_app.index.format.regular import open_regular, replace_regular, unused_name

Record = tuple[bytes, ...]

MOST_BYTES = 64 * MiB  # 880,000 pairs; all of it is read at once
_UNDO = b"undo "  # a line that takes back an earlier one


@dataclass(frozen=True, slots=True)
class DecidedFile:
    """A set of records of `width` byte strings, in a file of this name."""

    name: str
    width: int

    def read(self, index: Path) -> set[Record]:
        """All records; a line that was torn by a power cut, or damaged, is passed over. StoreError
        if the file can't be read, or has more than MOST_BYTES."""
        records: set[Record] = set()
        for line in self._lines(index):
            change = self._unpack(line)
            if change is not None:
                record, undo = change
                (records.discard if undo else records.add)(record)
        return records

    def add(self, index: Path, records: Iterable[Record]) -> int:
        """Remember records, durably, all of them or none; how many are new."""
        return self._change(index, set(records), undo=False)

    def undo(self, index: Path, records: Iterable[Record]) -> int:
        """Forget records, durably, all of them or none; how many were there."""
        return self._change(index, set(records), undo=True)

    def damaged_lines(self, index: Path) -> int:
        """How many lines are passed over."""
        return sum(self._is_damaged(line) for line in self._lines(index))

    def blank_damaged(self, index: Path) -> None:
        """Overwrite the lines that are passed over with spaces; a copy of the file as it was
        is kept. In place: whoever adds records meanwhile has the same file open."""
        path = index / self.name
        with open(open_regular(path, os.O_RDWR), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            content = file.read()
            replace_regular(unused_name(path), content)
            lines = content.split(b"\n")
            blank = (b" " * len(line) if self._is_damaged(line) else line for line in lines)
            file.seek(0)
            file.write(b"\n".join(blank))
            file.flush()
            os.fsync(file.fileno())

    def _lines(self, index: Path) -> list[bytes]:
        path = index / self.name
        try:
            with open(open_regular(path, os.O_RDONLY), "rb") as file:
                _check_size(path, os.fstat(file.fileno()).st_size)
                return file.read().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{path} can't be read: {error.strerror}") from None

    def _is_damaged(self, line: bytes) -> bool:
        return bool(line.strip()) and self._unpack(line) is None

    def _change(self, index: Path, wanted: set[Record], *, undo: bool) -> int:
        path = index / self.name
        try:
            fd = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                known = self.read(index)
                changed = wanted & known if undo else wanted - known
                if changed:
                    # A torn last line must not swallow the first new one.
                    lines = [b"\n", *(_pack(record, undo) for record in sorted(changed))]
                    data = b"".join(lines)
                    _check_size(path, os.fstat(fd).st_size + len(data))
                    _append(fd, data)
            finally:
                os.close(fd)
            sync_folder(index)
        except OSError as error:
            if error.errno in DISK_FULL:
                raise DiskFullError(
                    f"{path} can't be written: the disk is full; nothing was changed, make room"
                ) from None
            raise StoreError(f"{path} can't be written: {error.strerror}") from None
        return len(changed)

    def _unpack(self, line: bytes) -> tuple[Record, bool] | None:
        """The record, and whether it is taken back."""
        text, _, crc = line.rpartition(b" ")
        if crc != b"%08x" % zlib.crc32(text):
            return None
        undo = text.startswith(_UNDO)
        try:
            fields = text.removeprefix(_UNDO).decode("ascii").split(" ")
            record = tuple(map(bytes.fromhex, fields))
        except ValueError:
            return None
        return (record, undo) if len(record) == self.width else None


# Photos to move away, by content and path: one of two identical files is not the other.
MARKED = DecidedFile("marked.txt", width=2)


def _check_size(path: Path, size_bytes: int) -> None:
    if size_bytes > MOST_BYTES:
        raise StoreError(
            f"{path} would have {size_bytes} bytes, over the limit of {MOST_BYTES}: remove lines "
            "from it, or the file"
        )


def _append(fd: int, data: bytes) -> None:
    """All of `data` on the medium, or the file as it was."""
    size_bytes = os.fstat(fd).st_size
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    except OSError:
        with suppress(OSError):
            os.ftruncate(fd, size_bytes)
            os.fsync(fd)
        raise


def _pack(record: Record, undo: bool) -> bytes:
    text = _UNDO * undo + " ".join(part.hex() for part in record).encode()
    return b"%s %08x\n" % (text, zlib.crc32(text))
