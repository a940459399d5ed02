"""Some originals as one zip, made while it is sent: never in memory, and in no temporary file.

The files are stored as they are: photos don't get smaller. So its size is known before, and every
part of it is made from a photo while that is read.
"""

from __future__ import annotations

import io
import os
import struct
import time
import zlib
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from edge_app.api.files.originals import Stripper
from edge_app.api.types.views import text_of
from edge_app.config import MiB
from edge_app.errors import EdgeAppError, LimitError, UsageError
from edge_app.index.format.records import ImageRecord
from edge_app.library.source import Source
from edge_app.photos.stripping.pieces import Sized, Spliced

CHUNK_BYTES = 256 * 1024
LARGEST_BYTES = 2**32 - 2**24  # beyond that a zip has another format
LIST = "photos.txt"
# Fields of the format: PKWARE's APPNOTE 6.3.10, sections 4.3.7, 4.3.9, 4.3.12 and 4.3.16.
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_DESCRIPTOR = struct.Struct("<4sIII")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_VERSION = 20
_UNIX = 3 << 8
_FLAGS = 1 << 3 | 1 << 11  # sums come after the data; names are UTF-8
_MODE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the zip; `open` is called when its turn comes."""

    name: str
    size_bytes: int
    mtime_s: float
    open: Callable[[], BinaryIO | Spliced]

    @property
    def encoded(self) -> bytes:
        return self.name.encode("utf-8", "replace")


class Zip(Sized):
    """Reads as a zip of these members; the first one lists them. LimitError beyond `most_bytes`."""

    def __init__(self, members: Iterable[Member], most_bytes: int) -> None:
        photos = list(members)
        text = "".join(f"{photo.name}\n" for photo in photos).encode("utf-8", "replace")
        listed = Member(LIST, len(text), time.time(), lambda: io.BytesIO(text))
        self._members = [listed, *photos]
        fixed = _LOCAL.size + _DESCRIPTOR.size + _CENTRAL.size
        super().__init__(
            _END.size
            + sum(fixed + 2 * len(member.encoded) + member.size_bytes for member in self._members)
        )
        self._parts = self._made()
        self._window = b""  # what was made last: who sends it may look at it twice
        self._start = 0  # where the window begins
        most = min(most_bytes, LARGEST_BYTES)
        if self.size_bytes > most:
            raise LimitError(
                f"{len(photos)} photos have {self.size_bytes / MiB:.1f} MiB together, over the "
                f"limit of {most / MiB:g} (--zip-size): select fewer"
            )

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer only at the end; from no place before what was read last."""
        end = self.size_bytes if size < 0 else min(self.size_bytes, self._place + size)
        if self._place < self._start:
            raise OSError("a zip that is made while it is sent can't be read again")
        self._window = self._window[self._place - self._start :]
        self._start = self._place
        made = [self._window]
        reached = self._start + len(self._window)
        while reached < end:
            part = next(self._parts)
            made.append(part)
            reached += len(part)
        self._window = b"".join(made)
        self._place = end
        return self._window[: end - self._start]

    def close(self) -> None:
        self._parts.close()
        super().close()

    def _made(self) -> Generator[bytes]:
        """All of it, part by part."""
        central = []
        offset = 0
        for member in self._members:
            name, when = member.encoded, _dos_time(member.mtime_s)
            yield _LOCAL.pack(b"PK\3\4", _VERSION, _FLAGS, 0, *when, 0, 0, 0, len(name), 0) + name
            crc, left = 0, member.size_bytes
            with member.open() as file:
                while left:
                    chunk = file.read(min(CHUNK_BYTES, left))
                    if not chunk:
                        raise OSError("an original has changed while it was being sent")
                    crc = zlib.crc32(chunk, crc)
                    left -= len(chunk)
                    yield chunk
                if file.read(1):
                    raise OSError("an original has changed while it was being sent")
            size = member.size_bytes
            yield _DESCRIPTOR.pack(b"PK\7\b", crc, size, size)
            central.append(
                _CENTRAL.pack(
                    b"PK\1\2", _UNIX | _VERSION, _VERSION, _FLAGS, 0, *when, crc, size, size,
                    len(name), 0, 0, 0, 0, _MODE, offset,
                ) + name
            )  # fmt: skip
            offset += _LOCAL.size + len(name) + size + _DESCRIPTOR.size
        directory = b"".join(central)
        count = len(self._members)
        yield directory
        yield _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), offset, 0)


def members_of(
    images: Iterable[ImageRecord], library: Source, stripper: Stripper | None
) -> list[Member]:
    """The originals of these images. Those on this machine are opened once now: what can't be sent
    is said before. So is the first one of another machine; the others are when their turn comes."""
    members: list[Member] = []
    asked = False
    for image in images:
        here = library.is_here(image.path)
        if not here and stripper:
            raise UsageError(
                "photos that are not on this machine are downloaded one by one, not in a ZIP, "
                "where locations are removed (--strip-location)"
            )
        size = image.size_bytes
        if here or not asked:
            with _opened(library, image, stripper) as file:
                size = file.seek(0, os.SEEK_END)
            asked |= not here
        opener = partial(_opened_later, library, image, stripper)
        members.append(Member(text_of(image.path), size, image.mtime_ns / 1e9, opener))
    return members


def _opened(library: Source, image: ImageRecord, stripper: Stripper | None) -> BinaryIO | Spliced:
    file = library.open(image.path).file
    return stripper.strip(file) if stripper else file


def _opened_later(
    library: Source, image: ImageRecord, stripper: Stripper | None
) -> BinaryIO | Spliced:
    """An original whose turn has come; OSError if there is none, which ends the zip."""
    try:
        return _opened(library, image, stripper)
    except EdgeAppError as error:
        raise OSError(str(error)) from None


def _dos_time(seconds: float) -> tuple[int, int]:
    """A time and a date as MS-DOS has them, from 1980 on."""
    at = time.gmtime(min(max(seconds, 315_532_800), 4_354_819_198))
    clock = at.tm_hour << 11 | at.tm_min << 5 | at.tm_sec // 2
    return clock, (at.tm_year - 1980) << 9 | at.tm_mon << 5 | at.tm_mday
