"""Sends what is on another machine piece by piece, to a few clients at one time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import BinaryIO

from edge_app.errors import BusyError
from edge_app.photos.stripping.pieces import Sized

STREAMS = 4  # each holds a thread of the server while its client reads; half of them stay free
PIECE_BYTES = 256 * 1024

_places = threading.BoundedSemaphore(STREAMS)  # of this process, as its threads are


class Stream:
    """Part of a file as the body of an answer; BusyError where enough others are being sent."""

    def __init__(self, file: BinaryIO | Sized, start: int, size_bytes: int) -> None:
        self._file, self._start, self._left_bytes = file, start, size_bytes
        self._open = _places.acquire(blocking=False)
        if not self._open:
            file.close()
            raise BusyError("too many originals are being sent at once; try again")

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._start)
        while self._left_bytes > 0:
            piece = self._file.read(min(PIECE_BYTES, self._left_bytes))
            if not piece:
                raise OSError("the original is shorter than it was")
            self._left_bytes -= len(piece)
            yield piece

    def close(self) -> None:
        """Let the next one begin."""
        if self._open:
            self._open = False
            self._file.close()
            _places.release()
