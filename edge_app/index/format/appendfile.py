"""Bytes at a known offset, synced, never truncated while mapped.

An AppendFile does not know its own length: the catalogue does. Whatever lies behind the committed
length is scrap of a dropped batch, and the next batch is written over it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_app.errors import StoreError
from edge_app.index.format.regular import open_regular

HEADER_BYTES = 4096  # one page, so that rows start aligned for any vector instruction
FORMAT_VERSION = 1
_MAGIC = b"EDGEAPP\n"
_FIELDS = struct.Struct("<8sIIQQ16s16s64s")  # little-endian everywhere: the index may be copied
_CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself in its first 4,096 bytes."""

    kind: str  # "vectors", "bounds", "codes", "tiles" or "thumbs"
    dtype: str  # NumPy's name of one element, such as "<f4"
    dim: int  # elements in one vector; 0 for thumbnails
    item_bytes: int  # one row, or 1 where the catalogue holds offsets
    generation: int
    model_sha256: str  # "" for thumbnails, which depend on no model

    def pack(self) -> bytes:
        """4,096 bytes, the last four a CRC-32 of the rest."""
        fields = _FIELDS.pack(
            _MAGIC,
            FORMAT_VERSION,
            self.dim,
            self.generation,
            self.item_bytes,
            self.kind.encode("ascii"),
            self.dtype.encode("ascii"),
            self.model_sha256.encode("ascii"),
        )
        body = fields.ljust(HEADER_BYTES - _CRC.size, b"\0")
        return body + _CRC.pack(zlib.crc32(body))

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """The header in `data`; ValueError says what is wrong with it."""
        body, crc = data[: -_CRC.size], data[-_CRC.size :]
        if len(data) != HEADER_BYTES:
            raise ValueError(f"is only {len(data)} bytes long, shorter than its header")
        if _CRC.pack(zlib.crc32(body)) != crc:
            raise ValueError("has a damaged header (CRC differs)")
        magic, version, dim, generation, item_bytes, *names = _FIELDS.unpack_from(body)
        if magic != _MAGIC or version != FORMAT_VERSION:
            raise ValueError(f"is not an index file of format version {FORMAT_VERSION}")
        kind, dtype, model = (name.rstrip(b"\0").decode("ascii") for name in names)
        return cls(kind, dtype, dim, item_bytes, generation, model)


def sync_folder(folder: Path) -> None:
    """Make names created in or removed from `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, all of them durable."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


class AppendFile:
    """A header and bytes behind it; offsets count from the first byte behind the header."""

    def __init__(self, path: Path, fd: int, header: Header) -> None:
        self.path = path
        self.header = header
        self._fd = fd

    @classmethod
    def create(cls, path: Path, header: Header) -> AppendFile:
        """A new file with a durable header; its name is durable after `sync_folder`.

        A file of that name is unlinked, not truncated: a reader may still have it mapped.
        """
        path.unlink(missing_ok=True)
        fd = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        file = cls(path, fd, header)
        try:
            file._pwrite(header.pack(), 0)
            os.fsync(fd)
        except BaseException:
            file.close()
            raise
        return file

    @classmethod
    def open(cls, path: Path, expected: Header, *, writable: bool = False) -> AppendFile:
        """An existing file; a StoreError if its header is damaged or not the expected one.

        FileNotFoundError passes through: a reader may have been overtaken by a new generation.
        """
        file = cls.unverified(path, expected, writable=writable)
        problem = file.problem()
        if problem is not None:
            file.close()
            raise StoreError(f"{path} {problem}; repair it with: lookalike check --repair")
        return file

    @classmethod
    def unverified(cls, path: Path, expected: Header, *, writable: bool = False) -> AppendFile:
        """An existing file, whatever is in it."""
        return cls(path, open_regular(path, os.O_RDWR if writable else os.O_RDONLY), expected)

    def problem(self) -> str | None:
        """What is wrong with the header on the medium, if anything."""
        try:
            found = self.found()
        except ValueError as error:
            return str(error)
        except OSError as error:
            return f"can't be read: {error.strerror}"
        return None if found == self.header else f"has the header of another file: {found}"

    def found(self) -> Header:
        """The header on the medium; ValueError says what is wrong with it."""
        return Header.unpack(os.pread(self._fd, HEADER_BYTES, 0))

    def restore(self, length: int) -> None:
        """Write the header again, and fill with zeros up to `length` what has been cut off."""
        self._pwrite(self.header.pack(), 0)
        if self.size_bytes() < length:
            os.ftruncate(self._fd, HEADER_BYTES + length)
        os.fsync(self._fd)

    def reserve(self, offset: int, length: int) -> None:
        """Have the disk set the bytes aside, so that a full disk shows before anything else."""
        os.posix_fallocate(self._fd, HEADER_BYTES + offset, length)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Put `data` at `offset`; durable after `sync`."""
        self._pwrite(data, HEADER_BYTES + offset)

    def sync(self) -> None:
        """Wait until everything written is on the medium. If this fails it must not be retried:
        the kernel may have marked the lost pages clean, and a second sync would succeed."""
        os.fdatasync(self._fd)

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes at `offset`, fewer where the file ends."""
        # No more than there is: memory is taken first, for any length that a catalogue may say.
        length = min(length, self.size_bytes() - offset)
        return os.pread(self._fd, length, HEADER_BYTES + offset) if length > 0 <= offset else b""

    def read_items(self, items: Iterable[int]) -> bytes:
        """Those items of `header.item_bytes`, one after another."""
        fd, size_bytes, read = self._fd, self.header.item_bytes, os.pread
        return b"".join([read(fd, size_bytes, HEADER_BYTES + n * size_bytes) for n in items])

    def expect_random_reads(self) -> None:
        """Keep the kernel from reading ahead for `read`."""
        os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_RANDOM)

    def release(self, length: int) -> None:
        """Give back what lies behind the committed `length`, which no reader ever maps."""
        if self.size_bytes() > length:
            os.ftruncate(self._fd, HEADER_BYTES + length)

    def size_bytes(self) -> int:
        """Bytes behind the header, committed or not."""
        return os.fstat(self._fd).st_size - HEADER_BYTES

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()  # a reader's threads share one and can't know which of them is the last

    def _pwrite(self, data: bytes | memoryview, position: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, position)
            view, position = view[written:], position + written
