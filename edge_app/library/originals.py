"""Opens originals: below the library root, through no link, and regular files only; and tells
whether one is the same as another, or as before."""

from __future__ import annotations

import errno
import os
import stat
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge_app.errors import DecodeError, LibraryError, NotFoundError, UnreadableError

if TYPE_CHECKING:
    from edge_app.library.mounts import Mount

UNTOLD = "0"  # the version of a file of which only size and time can be trusted

# O_NONBLOCK: opening a FIFO must not wait for its writer. It does nothing to a regular file.
_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY

FINGERPRINT_BYTES = 16


def open_original(root: Path, path: str) -> BinaryIO:
    """Open the original at `path`, which is relative to the library root, for reading.

    Every part is opened relative to the one before and no link is followed, so what is opened lies
    below the root even if folders are swapped for links meanwhile. LibraryError when the root is
    gone, NotFoundError when the file is, DecodeError when it is no regular file, UnreadableError
    when it can't be read now.
    """
    parts = path.split("/")
    if "\0" in path or not {"", ".", ".."}.isdisjoint(parts):
        raise NotFoundError(f"{path!r} is not a path inside the photo folder")
    try:
        folder = os.open(root, _FOLDER)
    except OSError as error:
        name = root.name or root  # visitors read it too: no path of this machine
        raise LibraryError(f"the photo folder {name} can't be reached: {error.strerror}") from None
    try:
        for part in parts[:-1]:
            parent, folder = folder, os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(parent)
        file = os.open(parts[-1], _FILE, dir_fd=folder)
    except OSError as error:
        raise _reason(path, error) from None
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise DecodeError("not a regular file")
    return open(file, "rb")


def fingerprint(data: bytes) -> bytes:
    """BLAKE2b-128 of a file's bytes: twins have the same, and so has a copy anywhere."""
    return blake2b(data, digest_size=FINGERPRINT_BYTES).digest()


def version_of(stat: os.stat_result, drive: Mount | None = None) -> str:
    """What tells versions of a file with the same size and time apart: the time of its last change,
    which no program can set, and its inode; as far as its drive keeps them."""
    if drive is not None and not drive.keeps_change_times:
        return UNTOLD
    inode = drive is not None and drive.keeps_inodes
    return f"{stat.st_ctime_ns:x}" + (f"-{stat.st_ino:x}" if inode else "")


def has_version(stat: os.stat_result, version: str) -> bool:
    """Whether a file still is of a version that `version_of` told."""
    changed, _, inode = version.partition("-")
    return version == UNTOLD or (
        changed == f"{stat.st_ctime_ns:x}" and inode in ("", f"{stat.st_ino:x}")
    )


def _reason(path: str, error: OSError) -> DecodeError | NotFoundError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        return NotFoundError(f"{path!r} is no longer in the photo folder")
    if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket
        return DecodeError("not a regular file")
    return UnreadableError(f"can't be read: {error.strerror}")
