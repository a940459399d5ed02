"""Pairs of images that are no duplicates to the user, in a text file of their own.

This is the one thing in the index folder that no index run can make again: it is kept by content,
outlives the catalogue and every generation, and can be added to while an index run is writing.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from edge_app.errors import StoreError
from edge_app.index.format.appendfile import sync_folder

Pair = tuple[bytes, bytes]  # content hashes, the lesser one first

FILE = "dismissed.txt"


def read_dismissed(index: Path) -> set[Pair]:
    """All pairs; a line that was torn by a power cut, or damaged, is passed over."""
    try:
        lines = (index / FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise StoreError(f"{index / FILE} can't be read: {error.strerror}") from None
    return {pair for line in lines if (pair := _unpack(line))}


def add_dismissed(index: Path, pairs: Iterable[Pair]) -> int:
    """Remember pairs, durably; how many are new."""
    path = index / FILE
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            known = read_dismissed(index)
            new = {(min(pair), max(pair)) for pair in pairs} - known
            # A torn last line must not swallow the first new one.
            os.write(fd, b"".join([b"\n", *map(_pack, sorted(new))]))
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_folder(index)
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror}") from None
    return len(new)


def _pack(pair: Pair) -> bytes:
    text = f"{pair[0].hex()} {pair[1].hex()}".encode()
    return b"%s %08x\n" % (text, zlib.crc32(text))


def _unpack(line: bytes) -> Pair | None:
    text, _, crc = line.rpartition(b" ")
    if crc != b"%08x" % zlib.crc32(text):
        return None
    one, other = text.decode("ascii").split(" ")
    return bytes.fromhex(one), bytes.fromhex(other)
