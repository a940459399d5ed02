"""The file of thumbnails of the present generation, which a writer may switch at any time."""

from __future__ import annotations

import zlib
from pathlib import Path

from edge_app.config import MiB
from edge_app.index.format.appendfile import AppendFile
from edge_app.index.format.generation import thumbs_header, thumbs_name
from edge_app.index.format.records import ThumbPlace

BYTES_MAX = MiB  # ours have 15,000 on average; a catalogue from elsewhere may name any number


class ThumbFile:
    """Opens the file when it is first needed, and again when another generation is asked for."""

    def __init__(self, index: Path) -> None:
        self._index = index
        self._file: AppendFile | None = None

    def of(self, generation: int) -> AppendFile:
        """The file of a generation; FileNotFoundError if a writer has just switched."""
        if self._file is None or self._file.header.generation != generation:
            # The one before is closed when the last thread has read from it.
            path = self._index / thumbs_name(generation)
            self._file = AppendFile.open(path, thumbs_header(generation))
        return self._file


def read_thumbnail(file: AppendFile, place: ThumbPlace) -> bytes | None:
    """A JPEG; None if the bytes have rotted."""
    if not 0 < place.bytes <= BYTES_MAX:
        return None
    data = file.read(place.offset, place.bytes)
    return data if zlib.crc32(data) == place.crc else None
