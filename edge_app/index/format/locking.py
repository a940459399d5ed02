"""One writer at a time, and what goes wrong while writing, in words."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_app.config import MiB
from edge_app.errors import DiskFullError, EdgeAppError, LockedError, StoreError
from edge_app.index.format.appendfile import make_folder
from edge_app.index.format.regular import open_regular

_LOCK = "lock"
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_OBSTACLES = {
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
}
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # what a system says of it


def lock(index: Path) -> int:
    """The descriptor that holds the index; the lock ends with it, however the process ends."""
    fd = open_regular(index / _LOCK, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise LockedError(
            f"{index} is being written by another process; wait until it has finished, or stop it"
        ) from None
    return fd


@contextmanager
def errors_translated(index: Path, need_bytes: int = MiB) -> Iterator[None]:
    """Errors of the system and of SQLite as the StoreErrors they mean."""
    try:
        yield
    except EdgeAppError:
        raise
    except OSError as error:
        if error.errno in DISK_FULL:
            raise _disk_full(index, need_bytes) from error
        raise StoreError(
            f"index folder {index} can't be written: {error.strerror}; choose another with --index"
        ) from error
    except OverflowError as error:  # as Python's sqlite3 says it of a number
        raise StoreError(
            f"the catalogue of {index} can't be written: {error}; repair it with: lookalike "
            "check --repair"
        ) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        # Of its shared memory file SQLite says "I/O error" where it means a full disk.
        io_error_when_full = code == sqlite3.SQLITE_IOERR and free_bytes(index) < need_bytes
        if code == sqlite3.SQLITE_FULL or io_error_when_full:
            raise _disk_full(index, need_bytes) from error
        if code in _LOCKED:
            reason = obstacle_of(error)
            raise StoreError(f"the catalogue of {index} can't be written: {reason}") from error
        hint = "choose another folder with --index"
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            hint = "repair it with: lookalike check --repair"
        raise StoreError(f"the catalogue of {index} can't be written: {error}; {hint}") from error


def obstacle_of(error: sqlite3.Error) -> str | None:
    """What keeps SQLite from reading a catalogue that may be sound; None if it is damaged."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _LOCKED:
        return "another program has it open and locks it; close that program"
    return str(error) if code in _OBSTACLES else None


def make_writable(index: Path) -> None:
    """Make the index folder if it is not there; StoreError where this user can't write it."""
    with errors_translated(index):
        make_folder(index)
        if not may_write(index):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def may_write(index: Path) -> bool:
    """Whether this user may write the index folder, or make it."""
    return os.access(_nearest(index), os.W_OK | os.X_OK)


def _disk_full(index: Path, need_bytes: int) -> DiskFullError:
    return DiskFullError(
        f"no space left for the index folder {index}: the next batch needs "
        f"{-(-need_bytes // MiB)} MiB, {free_bytes(index) / MiB:.1f} MiB are free; "
        "delete other files, or choose another folder with --index"
    )


def free_bytes(index: Path) -> int:
    """Room for the index folder, which need not be there yet."""
    disk = os.statvfs(_nearest(index))
    return disk.f_bavail * disk.f_frsize


def _nearest(index: Path) -> Path:
    """The index folder, or the folder that is there of those above it."""
    folder = index.absolute()
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))
