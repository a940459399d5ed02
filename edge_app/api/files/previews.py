"""Previews: a photo at the size of a screen, made when it is first asked for.

An original takes 5 to 20 MB over a small board's Wi-Fi, and browsers show no HEIC, TIFF or RAW at
all. Previews are kept in a folder of the index, up to a number of bytes; they can be deleted at any
time. Making one takes a decoding process, so few are made at one time and few wait for a turn.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from edge_app.config import Config, MiB
from edge_app.errors import BusyError, StoreError
from edge_app.index.format.records import ImageRecord
from edge_app.index.format.regular import check_folder, open_regular
from edge_app.index.repair.beside import PREVIEW, PREVIEWS
from edge_app.library.sources import library_of
from edge_app.photos.children import preview
from edge_app.photos.children.pool import REQUEST_NICE, DecodePool
from edge_app.photos.reading.lacks import check_size

AT_ONCE = 2  # made; each takes up to decode_memory_bytes, and a thread of the server
WAITING = 2  # for a turn beside those, so that threads stay free for others ...
WAIT_S = 5.0  # ... and no longer
KEPT_BYTES_MAX = 16 * MiB  # a preview has a fiftieth of that; an index folder may hold any file


class Previews:
    """Makes and keeps previews. Safe to use from several threads."""

    def __init__(self, config: Config) -> None:
        self._library, self._limits = library_of(config), config.limits
        self._pool = DecodePool(
            1, config.limits, AT_ONCE, nice=REQUEST_NICE, decoder=preview.__name__
        )
        self._folder = config.index.absolute() / PREVIEWS
        self._most_bytes = config.limits.preview_bytes
        self._places = threading.Semaphore(AT_ONCE + WAITING)
        self._turns = threading.Semaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._kept: dict[str, int] | None = None  # name to bytes, the oldest first

    def close(self) -> None:
        """End the decoding process kept warm."""
        self._pool.close()

    def of(self, image: ImageRecord) -> bytes:
        """A JPEG: upright, sRGB, without metadata, its longer side at most PREVIEW_PX.

        BusyError where enough others are being made; DecodeError, NotFoundError and LibraryError
        where the original can't be read now and no preview was kept.
        """
        name = f"{image.content.hex()}.jpg"
        kept = self._read(name)
        if kept is not None:
            return kept
        if not self._places.acquire(blocking=False):
            raise BusyError("too many previews are being made at once; try again")
        try:
            if not self._turns.acquire(timeout=WAIT_S):
                raise BusyError("too many previews are being made at once; try again")
            try:
                made = self._read(name) or self._make(image)
            finally:
                self._turns.release()
        finally:
            self._places.release()
        self._keep(name, made)
        return made

    def _make(self, image: ImageRecord) -> bytes:
        check_size(image.size_bytes, self._limits)
        file = self._library.to_decode(image.path, image.size_bytes)
        return self._pool.decode(file).thumbnail

    def _read(self, name: str) -> bytes | None:
        if not self._most_bytes:
            return None
        with suppress(OSError, StoreError):
            check_folder(self._folder)
            with open(open_regular(self._folder / name, os.O_RDONLY), "rb") as file:
                if os.fstat(file.fileno()).st_size > KEPT_BYTES_MAX:
                    return None
                content = file.read()
            if content[:2] == b"\xff\xd8" and content[-2:] == b"\xff\xd9":  # else cut by a crash
                return content
        return None

    def _keep(self, name: str, content: bytes) -> None:
        """Best effort: an index folder that can't be written keeps none."""
        if len(content) > self._most_bytes:
            return
        with self._lock, suppress(OSError, StoreError):
            check_folder(self._folder)
            self._folder.mkdir(exist_ok=True)
            kept = self._listed()
            part = self._folder / f"{name}.part"
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with open(open_regular(part, flags, 0o600), "wb") as file:
                file.write(content)
            part.replace(self._folder / name)
            kept[name] = len(content)
            while sum(kept.values()) > self._most_bytes:
                oldest = next(iter(kept))
                (self._folder / oldest).unlink(missing_ok=True)
                del kept[oldest]

    def _listed(self) -> dict[str, int]:
        """What is kept, the oldest first; read from the folder once."""
        if self._kept is None:
            found = []
            for path in self._folder.iterdir():
                named = PREVIEW.fullmatch(path.name)
                if named and named[1]:
                    path.unlink()
                elif named:
                    status = path.lstat()
                    found.append((status.st_mtime_ns, path.name, status.st_size))
            self._kept = {name: size for _, name, size in sorted(found)}
        return self._kept
