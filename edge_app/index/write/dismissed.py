"""Pairs of images that are no duplicates to the user, in a text file of their own.

This is the one thing in the index folder that no index run can make again: it is kept by content,
outlives the catalogue and every generation, and can be added to while an index run is writing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from edge_app.errors import DiskFullError, StoreError
from edge_app.index.format.appendfile import sync_folder
from edge_app.index.format.regular import open_regular, replace_regular

Pair = tuple[bytes, bytes]  # content hashes, the lesser one first

FILE = "dismissed.txt"
_UNDO = b"undo "  # a line that takes back an earlier one
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def read_dismissed(index: Path) -> set[Pair]:
    """All pairs; a line that was torn by a power cut, or damaged, is passed over."""
    pairs: set[Pair] = set()
    for line in _lines(index):
        change = _unpack(line)
        if change is not None:
            pair, undo = change
            (pairs.discard if undo else pairs.add)(pair)
    return pairs


def damaged_lines(index: Path) -> int:
    """How many lines are passed over."""
    return sum(_is_damaged(line) for line in _lines(index))


def blank_damaged(index: Path) -> None:
    """Put spaces in the place of the lines that are passed over; a copy of the file as it was is
    kept. In place: whoever adds pairs meanwhile has the same file open."""
    path = index / FILE
    with open(open_regular(path, os.O_RDWR), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        content = file.read()
        number = 1
        while (aside := index / f"{FILE}.broken-{number}").exists():
            number += 1
        replace_regular(aside, content)
        lines = content.split(b"\n")
        blank = (b" " * len(line) if _is_damaged(line) else line for line in lines)
        file.seek(0)
        file.write(b"\n".join(blank))
        file.flush()
        os.fsync(file.fileno())


def _lines(index: Path) -> list[bytes]:
    path = index / FILE
    try:
        with open(open_regular(path, os.O_RDONLY), "rb") as file:
            return file.read().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}") from None


def _is_damaged(line: bytes) -> bool:
    return bool(line.strip()) and _unpack(line) is None


def add_dismissed(index: Path, pairs: Iterable[Pair]) -> int:
    """Remember pairs, durably, all of them or none; how many are new."""
    return _change(index, pairs, undo=False)


def undo_dismissed(index: Path, pairs: Iterable[Pair]) -> int:
    """Forget pairs, durably, all of them or none; how many were there."""
    return _change(index, pairs, undo=True)


def _change(index: Path, pairs: Iterable[Pair], *, undo: bool) -> int:
    path = index / FILE
    wanted = {(min(pair), max(pair)) for pair in pairs}
    try:
        fd = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            known = read_dismissed(index)
            changed = wanted & known if undo else wanted - known
            if changed:
                # A torn last line must not swallow the first new one.
                _append(fd, b"".join([b"\n", *(_pack(pair, undo) for pair in sorted(changed))]))
        finally:
            os.close(fd)
        sync_folder(index)
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError(
                f"{path} can't be written: the disk is full; nothing was changed, make room"
            ) from None
        raise StoreError(f"{path} can't be written: {error.strerror}") from None
    return len(changed)


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


def _pack(pair: Pair, undo: bool) -> bytes:
    text = _UNDO * undo + f"{pair[0].hex()} {pair[1].hex()}".encode()
    return b"%s %08x\n" % (text, zlib.crc32(text))


def _unpack(line: bytes) -> tuple[Pair, bool] | None:
    """The pair, and whether it is taken back."""
    text, _, crc = line.rpartition(b" ")
    if crc != b"%08x" % zlib.crc32(text):
        return None
    undo = text.startswith(_UNDO)
    try:
        one, other = map(bytes.fromhex, text.removeprefix(_UNDO).decode("ascii").split(" "))
    except ValueError:
        return None
    return (one, other), undo
