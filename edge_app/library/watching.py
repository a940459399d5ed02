"""Watches a photo folder: whether it is there, and whether anything in it has changed.

Events of the kernel tell of changes. Nothing tells that a folder is another one than before: that a
drive was pulled out, put back, or mounted over it. So it is also looked at every few seconds.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from edge_app.answering import ANSWER_S, answers
from edge_app.errors import EdgeAppError
from edge_app.library.inotify import LimitReachedError, WatchedFolders
from edge_app.library.mounts import (
    Mount,
    Ways,
    mount_id_of,
    mount_of,
    mounts,
    mounts_below,
    silent_below,
)
from edge_app.library.rules import Rules, folders_of
from edge_app.library.scan import Walk

LOOK_S = 5.0  # between two looks at the root: what changes shows within 30 s, settling included
STALE_S = ANSWER_S + 3.0  # a look that takes longer hangs; it waits ANSWER_S for a share below
RETRY_S = 60.0  # after events could not be had for some folders

SILENT = "does not answer"  # why a folder is offline

Mode = Literal["events", "polling", "off"]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a photo folder at one moment."""

    reachable: bool  # the folder can be opened
    online: bool  # and photos that should be in it are
    mode: Mode  # how changes are noticed: by events, or only by looking from time to time
    offline_because: str | None = None  # follows the name of the folder
    polled_because: str | None = None
    silent: tuple[str, ...] = ()  # mounts below it, and links, behind which nothing answers


class _Place(NamedTuple):
    """What tells one folder at a path from another one there: a drive that is mounted, also below
    it, changes one of these."""

    device: int
    inode: int
    mount: int | None
    below: tuple[tuple[str, int], ...]  # path and id of the mounts below
    linked: tuple[tuple[str, tuple[int, int] | None], ...]  # link, device and inode behind it


class FolderWatch:
    """Says what is true of a photo folder now, and calls when something in it has changed.

    on_change: called from a thread of its own, often. expected: some files that should be there,
    relative to the root; where none of them is, the folder is taken to be offline. events: whether
    changes matter at all.
    """

    def __init__(
        self,
        root: Path,
        rules: Rules,
        on_change: Callable[[], object],
        expected: Callable[[], Sequence[str]] = tuple,
        *,
        events: bool = True,
    ) -> None:
        self._root, self._rules = os.path.abspath(root), rules
        self._on_change, self._expected, self._events = on_change, expected, events
        self._ready, self._stopped = threading.Event(), threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._work, name="folder watch", daemon=True)
        self._place: _Place | None = None
        self._links: set[str] = set()
        self._silent: tuple[str, ...] = ()
        self._folders: WatchedFolders | None = None
        self._devices: set[str] = set()  # that were there at some time
        self._set_up_s = self._seen_s = 0.0
        self._state = seen_now(root)
        self._polled_because: str | None = None

    @property
    def name(self) -> str:
        """Of the folder, without those above it."""
        return os.path.basename(self._root)

    @property
    def state(self) -> Watched:
        """As of a few seconds ago; costs nothing and never hangs."""
        if not self._seen_s:  # not started
            return seen_now(self._root)
        if time.monotonic() - self._seen_s > STALE_S and not self._stopped.is_set():
            return Watched(False, False, self._state.mode, SILENT)
        return self._state

    def start(self) -> None:
        """Begin; returns at once."""
        self._seen_s = time.monotonic()
        self._thread.start()

    def wait(self) -> None:
        """Until the folder is watched, or can't be, or does not answer, or `stop`."""
        self._ready.wait(0.0 if self._state.offline_because == SILENT else STALE_S)
        self._ready.set()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()
        self._ready.set()
        os.eventfd_write(self._wake, 1)
        if self._thread.is_alive():
            self._thread.join(1.0)  # one that hangs on a dead share is left alone, as it is

    def _work(self) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    self._look()
                except Exception:  # without this thread every later answer would be a guess
                    log.exception("looking at %s failed", self._root)
                self._ready.set()
                self._listen(time.monotonic() + LOOK_S)
        finally:
            if self._folders:
                self._folders.close()

    # --- whether it is there ------------------------------------------------------------------

    def _look(self) -> None:
        first = not self._ready.is_set()
        place, why = self._look_at_root()
        first &= not self._ready.is_set()  # else nobody waited for it
        stale = self._folders is not None and self._folders.stale
        again_s = self._set_up_s + RETRY_S
        limited = self._folders is None or self._folders.full
        if place != self._place or stale:
            changed = True
            self._place = place
            self._set_up()
            if self._rules.follow_links and place is not None:  # links may be others now
                self._place = self._look_at_root()[0]
        else:
            changed = False
            if place and self._polled_because and limited and time.monotonic() > again_s:
                self._set_up()
        if place and why is None:
            silent = set(self._silent)
            expected = [path for path in self._expected() if silent.isdisjoint(folders_of(path))]
            if expected and not any(os.path.lexists(f"{self._root}/{path}") for path in expected):
                why = "has none of the indexed photos; is its drive mounted?"
        mode: Mode = "polling" if self._polled_because else "events"
        state = Watched(
            place is not None,
            why is None,
            mode if self._events else "off",
            why,
            self._polled_because,
            self._silent,
        )
        changed |= state.online != self.state.online
        self._state, self._seen_s = state, time.monotonic()
        if changed and not first:
            self._on_change()

    def _look_at_root(self) -> tuple[_Place | None, str | None]:
        """What is at the root's path, or why nothing is."""
        try:
            # Opening sets off an automount, which asking for its state would not.
            file = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            return None, f"can't be reached: {error.strerror}"
        try:
            with suppress(OSError):
                os.fstatvfs(file)  # does not end where nothing answers, see answering.py
            stat, mount = os.fstat(file), mount_id_of(file)
        finally:
            os.close(file)
        known = mounts()
        own = next((one for one in known if one.id == mount), None)
        if own and self._is_gone(own):
            return None, "can't be reached: its drive was removed"
        real = os.path.realpath(self._root)
        self._seen_s = time.monotonic()  # the root answers; what is below it may take a while
        below, ways = mounts_below(real, known), Ways(known)
        silent = silent_below(real, below)
        below = {path: mount for path, mount in below.items() if path not in silent}
        for link in self._links:
            self._seen_s = time.monotonic()
            if ways.is_silent(f"{self._root}/{link}"):
                silent.add(link)
        self._silent = tuple(sorted(silent))
        return _Place(
            stat.st_dev,
            stat.st_ino,
            mount,
            tuple(sorted((path, one.id) for path, one in below.items() if not self._is_gone(one))),
            tuple(
                (link, None if link in silent else _identity(f"{self._root}/{link}"))
                for link in sorted(self._links)
            ),
        ), None

    def _is_gone(self, mount: Mount) -> bool:
        """Whether a disk that was there is not any more, though it is still mounted."""
        if not mount.device_is_gone:
            self._devices.add(mount.device)
        return mount.device_is_gone and mount.device in self._devices

    # --- whether anything in it has changed ---------------------------------------------------

    def _set_up(self) -> None:
        """Ask for events from every folder that a scan enters; say so where they can't be had."""
        if self._folders:
            self._folders.close()
        self._folders, self._set_up_s, because = None, time.monotonic(), None
        if self._events and self._place:
            own = mount_of(os.path.realpath(self._root), mounts())
            because = _eventless(own.kind) if own and not own.has_events else self._ask()
        if because != self._polled_because and because:
            log.warning("changes in %s are only noticed by looking: %s", self._root, because)
        self._polled_because = because

    def _ask(self) -> str | None:
        """Why not every folder can be watched."""
        try:
            self._folders = folders = WatchedFolders(self._rules)
        except LimitReachedError as error:
            return str(error)

        eventless: list[str] = []

        def enter(path: str, place: str, drive: Mount | None) -> bool:
            self._seen_s = time.monotonic()  # a big library takes a while
            if self._stopped.is_set():
                raise InterruptedError
            if drive and not drive.has_events:
                eventless.append(drive.kind)
                return False
            folders.add(path, place)
            return True

        walk = Walk(Path(self._root), self._rules, enter, only_folders=True)
        with suppress(OSError, EdgeAppError):
            for _ in walk.files():
                pass
        self._links = walk.links
        return folders.why_full() or (_eventless(eventless[0]) if eventless else None)

    def _listen(self, until_s: float) -> None:
        """Take events until it is time for a look, or one of them asks for it."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if self._folders:
            poll.register(self._folders.fileno(), select.POLLIN)
        while not self._stopped.is_set():
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not poll.poll(left_s * 1000) or not self._folders:
                return
            if self._folders.take():
                self._on_change()
            if self._folders.stale:
                return


def seen_now(root: str | os.PathLike[str]) -> Watched:
    """What one look at a folder tells, without watching it."""
    if not answers(root):
        return Watched(False, False, "off", SILENT)
    there = os.path.isdir(root)
    return Watched(there, there, "off", None if there else "can't be reached")


def _eventless(kind: str) -> str:
    return f"a file system there ({kind}) does not report changes"


def _identity(path: str) -> tuple[int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
