"""Keeps the index up to date with the photo folder while the server runs.

Each run is a process of its own, `python -m edge_app index`: at low priority beside the server, its
memory given back when it ends, and killed safely at any moment.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from edge_app.config import DRAIN_S, Config
from edge_app.indexing.process import IndexingStatus, ending, progress_in, start_index
from edge_app.library.places import is_url

SETTLE_S = 2.0  # files are read when nothing has changed for so long ...
SETTLE_MAX_S = 60.0  # ... or at the latest after this
RETRY_S = 15.0  # after a run that failed

log = logging.getLogger(__name__)
# watchdog takes it for an error of its own that an event comes while it is being stopped.
logging.getLogger("watchdog.observers.inotify").addFilter(
    lambda record: "when the thread is inactive" not in record.getMessage()
)

# Reading a file makes events too: only these mean that something is different.
CHANGES = frozenset({"created", "modified", "moved", "deleted", "closed"})

# File systems whose changes made elsewhere cause no events here (statfs(2), fstypes of mount(8)).
EVENTLESS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs"})

LOCKED_EXIT = 75


class Watcher:
    """Runs the indexer at the start and, with `watch`, after every change below the root."""

    def __init__(self, config: Config, *, watch: bool) -> None:
        self.config = config
        self.status = IndexingStatus("scanning")
        self._watch = watch
        self._changed = threading.Event()
        self._last_change_s = 0.0
        self._stop = threading.Event()
        self._first_run_over = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._observers: list[BaseObserver] = []
        self._thread = threading.Thread(target=self._work, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin the first run; returns at once."""
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Until the first run is over, or the time is."""
        self._first_run_over.wait(timeout_s)

    def stop(self) -> None:
        """End the run under way, keeping what it has committed."""
        self._stop.set()
        self._changed.set()
        if self._process:
            self._process.terminate()
        if self._thread.is_alive():
            self._thread.join(DRAIN_S)
        for observer in self._observers:
            observer.stop()

    def _work(self) -> None:
        # Watching begins before the first scan, so that no change falls between the two.
        polling_s = self._observe() if self._watch else None
        while not self._stop.is_set():
            self._changed.clear()
            code = self._run()
            self._first_run_over.set()
            if not self._watch and code != LOCKED_EXIT:
                return
            self._changed.wait(min(RETRY_S, polling_s or RETRY_S) if code else polling_s)
            self._settle()

    def _observe(self) -> float:
        """Ask for events of every source; how long to wait for one before looking anyway."""
        return min(self._observe_source(root) for _, root in self.config.places)

    def _observe_source(self, root: str) -> float:
        limits = self.config.limits
        if is_url(root):
            return limits.poll_remote_s
        if file_system_of(Path(root)) in EVENTLESS:
            return limits.poll_eventless_s
        observer = Observer()
        try:
            observer.schedule(_Handler(self._note_change), root, recursive=True)
            observer.start()
        except OSError as error:
            log.warning(
                "%s can't be watched (%s); it is checked every %.0f s instead "
                "(--poll-interval-remote). If it has many folders, raise "
                "fs.inotify.max_user_watches",
                root,
                error.strerror,
                limits.poll_eventless_s,
            )
            return limits.poll_eventless_s
        self._observers.append(observer)
        return limits.poll_s

    def _note_change(self) -> None:
        self._last_change_s = time.monotonic()
        self._changed.set()

    def _settle(self) -> None:
        """Wait until files have stopped growing, within reason."""
        deadline_s = time.monotonic() + SETTLE_MAX_S
        while not self._stop.is_set() and time.monotonic() < deadline_s:
            quiet_s = time.monotonic() - self._last_change_s
            if quiet_s >= SETTLE_S:
                return
            self._stop.wait(SETTLE_S - quiet_s)

    def _run(self) -> int:
        """One index run to its end; its exit code."""
        offline = self.status.offline
        self.status = IndexingStatus("scanning", offline=offline)
        said = ""
        try:
            # One pipe for both: a second one, read later, would fill up and stop the run.
            with start_index(self.config, stderr=subprocess.STDOUT) as self._process:
                if self._stop.is_set():
                    self._process.terminate()
                assert self._process.stdout
                for line in self._process.stdout:
                    if progress := progress_in(line):
                        offline = progress["offline"]
                        self.status = IndexingStatus(**progress)
                    # The first error is why it ends; what was printed earlier may arrive later.
                    elif not line.startswith("{") and not said.startswith("error: "):
                        said = line.strip() or said
            code = self._process.returncode
        except OSError as error:  # there is no memory for it, or no process more
            code, said = 1, f"the indexing process can't be started: {error.strerror}"
        if code and not self._stop.is_set():
            message = said.removeprefix("error: ") if said and code > 0 else ending(code)
            if message != self.status.message:
                log.warning("indexing: %s", message)
            self.status = IndexingStatus("failed", message=message, offline=offline)
        else:
            self.status = IndexingStatus(offline=offline)
        return code


class _Handler(FileSystemEventHandler):
    def __init__(self, note_change: Callable[[], None]) -> None:
        self._note_change = note_change

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in CHANGES:
            self._note_change()


def file_system_of(path: Path) -> str:
    """The type of the file system `path` is on, "" where that can't be told."""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    target = os.path.realpath(path)
    best, found = "", ""
    for line in mounts:
        _, mount, kind, *_ = line.split()
        mount = mount.replace("\\040", " ")
        if (target + "/").startswith(mount.rstrip("/") + "/") and len(mount) >= len(best):
            best, found = mount, kind
    return found
