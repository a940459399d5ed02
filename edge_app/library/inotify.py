"""Events of the kernel from the folders of a library (inotify(7)), and what it says when there are
too many of them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from inotify_simple import INotify, flags

from edge_app.library.mounts import Mount
from edge_app.library.rules import MARKERS, Rules, is_image_name, is_others_folder
from edge_app.library.scan import Walk

# Reading a file makes events too: only these mean that something is different.
_ASKED = (
    flags.CREATE | flags.DELETE | flags.MODIFY | flags.CLOSE_WRITE | flags.ATTRIB
    | flags.MOVED_FROM | flags.MOVED_TO | flags.DELETE_SELF | flags.MOVE_SELF
    | flags.ONLYDIR | flags.EXCL_UNLINK
)  # fmt: skip
_SELF = flags.DELETE_SELF | flags.MOVE_SELF
_COMES = flags.CREATE | flags.MOVED_TO | flags.ATTRIB

_ENOUGH = {"watches": 524288, "instances": 1024}  # what desktops are set to


class LimitReachedError(Exception):
    """A limit of the kernel; the text says which one to raise."""


class WatchedFolders:
    """Folders that are watched, each by the path below the root that its files have.

    LimitReachedError if the kernel gives no more instances. `full` says that some folders are not
    watched, `stale` that all have to be asked for anew.
    """

    def __init__(self, rules: Rules) -> None:
        try:
            self._inotify = INotify(nonblocking=True)
        except OSError as error:
            raise LimitReachedError(_advice("instances", error)) from None
        self._rules = rules
        self._watched: dict[int, tuple[str, str]] = {}  # path and place
        self._error: OSError | None = None
        self.stale = False

    def close(self) -> None:
        self._inotify.close()

    def fileno(self) -> int:
        return int(self._inotify.fileno())

    @property
    def full(self) -> bool:
        return self._error is not None

    def why_full(self) -> str | None:
        """Which setting to raise, if that is needed."""
        return _advice("watches", self._error) if self._error else None

    def add(self, path: str, place: str, drive: Mount | None = None) -> None:
        """Watch a folder; one that is gone or can't be read is the scan's to report."""
        try:
            self._watched[self._inotify.add_watch(place, _ASKED)] = path, place
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                self._error = error

    def take(self) -> bool:
        """Read the events that there are; whether one of them is of a photo or a folder."""
        # Of all of them before `any`, which ends at the first: each may change what is watched.
        changes = [self._is_change(*event) for event in self._inotify.read(timeout=0)]
        return any(changes)

    def _is_change(self, watch: int, mask: int, cookie: int, name: str) -> bool:
        if mask & (flags.Q_OVERFLOW | flags.UNMOUNT):
            self.stale = True
            return True
        folder = self._watched.get(watch)
        if folder is None:
            return False
        if mask & (flags.IGNORED | _SELF):
            self.stale |= folder[0] == ""
            if mask & flags.IGNORED:
                del self._watched[watch]
            return False  # its parent tells, or the next look
        if not name:  # of the folder itself, which its parent tells too
            return folder[0] == ""
        path, place = f"{folder[0]}/{name}".lstrip("/"), f"{folder[1]}/{name}"
        if mask & flags.ISDIR:
            return self._is_change_of_folder(mask, path, place)
        if name in MARKERS or os.path.islink(place) or self._is_within(path):
            self.stale = True  # other folders count now
            return True
        return is_image_name(name) and not self._rules.excludes(path, is_folder=False)

    def _is_change_of_folder(self, mask: int, path: str, place: str) -> bool:
        if is_others_folder(path) or self._rules.excludes(path, is_folder=True):
            return False
        if mask & flags.MOVED_FROM:
            self._forget(path)
        if mask & _COMES:
            walk = Walk(Path(), self._rules, self.add, only_folders=True)
            walk.enter(path, place)
            self.stale |= bool(walk.links)
        return True

    def _is_within(self, path: str) -> bool:
        """Whether a folder is watched under this path, which is no folder: a link that is gone."""
        return self._rules.follow_links and any(
            known == path for known, _ in self._watched.values()
        )

    def _forget(self, path: str) -> None:
        """A folder that moved away may be anywhere: its events are not ours any more."""
        for watch, (known, _) in list(self._watched.items()):
            if known == path or known.startswith(path + "/"):
                del self._watched[watch]
                try:
                    self._inotify.rm_watch(watch)
                except OSError:
                    continue  # gone by itself


def shortage(folders: int) -> str | None:
    """Which setting is too low to watch this many folders, None if none is."""
    name, limit = _lowest("watches")
    if limit is None or limit > folders:
        return None
    return (
        f"the library has {folders} folders, and {name} allows watching {limit}; raise it, such "
        f"as: sudo sysctl {name}={max(_ENOUGH['watches'], 2 * folders)}"
    )


def _advice(what: str, error: OSError) -> str:
    name, limit = _lowest(what)
    value = "" if limit is None else f" ({limit})"
    return (
        f"{error.strerror}: the limit {name}{value} is reached, so not every folder can be "
        f"watched; raise it, such as: sudo sysctl {name}={_ENOUGH[what]}"
    )


def _lowest(what: str) -> tuple[str, int | None]:
    """The setting that is used up first: the kernel's, or a container's or user namespace's own."""
    names = (f"fs.inotify.max_user_{what}", f"user.max_inotify_{what}")
    limits = {name: limit for name in names if (limit := _limit(name)) is not None}
    name = min(limits, key=lambda one: limits[one], default=names[0])
    return name, limits.get(name)


def _limit(name: str) -> int | None:
    try:
        return int(Path("/proc/sys", *name.split(".")).read_text())
    except (OSError, ValueError):
        return None
