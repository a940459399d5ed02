"""Opens files of an index folder, which may come from elsewhere: regular files only, no links."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edge_app.errors import StoreError


def open_regular(path: Path, flags: int, mode: int = 0o666) -> int:
    """A descriptor of `path`; StoreError if it is a link, a pipe, a device or a folder.

    A link would have us write to its target, and a pipe would have us wait for its other end.
    """
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError:
        check_regular(path)
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        check_regular(path)
    return fd


def check_regular(path: Path) -> None:
    """StoreError if `path` is there and is not a regular file."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        kind = "a link" if stat.S_ISLNK(mode) else "no regular file"
        raise StoreError(f"{path} is {kind}; an index folder has regular files only: remove it")
