"""Opens files of an index folder, which may come from elsewhere: regular files only, no links."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
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
    if kind := _other_kind(path, stat.S_ISREG, "no regular file"):
        raise StoreError(f"{path} is {kind}; an index folder has regular files only: remove it")


def unused_name(path: Path) -> Path:
    """Where a damaged file may be kept, beside its place."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.broken-{number}")):
        number += 1
    return aside


def check_folder(path: Path) -> None:
    """StoreError if `path` is there and is no folder: what is in one that a link names is not ours
    to write or to remove."""
    if kind := _other_kind(path, stat.S_ISDIR, "no folder"):
        raise StoreError(f"{path} is {kind}: remove it")


def _other_kind(path: Path, is_wanted: Callable[[int], bool], otherwise: str) -> str | None:
    """What stands at `path`, if anything does and it is not of the wanted kind."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None
    if is_wanted(mode):
        return None
    return "a link" if stat.S_ISLNK(mode) else otherwise


def refuse_journal(journal: Path) -> None:
    """StoreError if it is there. A catalogue has a write-ahead log in its place. SQLite would write
    what this one holds into the catalogue, and delete the file that it names as its superior: any
    file of the user's (pager_delsuper in SQLite's pager.c)."""
    if os.path.lexists(journal):
        raise StoreError(
            f"{journal} is not of this index, whose catalogue has no rollback journal: remove it"
        )


def replace_regular(path: Path, content: bytes) -> None:
    """Make `path` a file of this content, durably, whole or not at all."""
    part = path.with_suffix(".part")
    try:
        part.unlink(missing_ok=True)
        with open(open_regular(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
