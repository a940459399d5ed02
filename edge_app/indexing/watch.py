"""Keeps the index up to date with the library while the server runs.

Each run is a process of its own, `python -m edge_app index`: at low priority beside the server, its
memory given back when it ends, and killed safely at any moment.
"""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

from edge_app.config import DRAIN_S, Config
from edge_app.errors import LibraryError, StoreError
from edge_app.index.read.reader import Reader
from edge_app.indexing.process import (
    Findings,
    IndexingStatus,
    end,
    ending,
    findings_in,
    has_ended,
    progress_in,
    start_index,
)
from edge_app.library.places import is_url
from edge_app.library.sources import rules_of
from edge_app.library.watching import LOOK_S, SILENT, FolderWatch, Mode, Watched

SETTLE_S = 2.0  # files are read when nothing has changed for this time ...
SETTLE_MAX_S = 60.0  # ... or after this one at the latest
RETRY_S = 15.0  # after a run that failed
FIND_OUT_S = 10.0  # that a share does not answer, which a run does by itself
LEFT_S = 2.0  # for what a run that has ended said before
_SAMPLE = 8  # photos of a source that are looked for to tell whether it is there

log = logging.getLogger(__name__)

LOCKED_EXIT = 75


class Watcher:
    """Runs the indexer at the start and, with `watch`, after every change of a source."""

    def __init__(self, config: Config, *, watch: bool) -> None:
        self.config = config
        self.status = IndexingStatus("scanning")
        self.findings = Findings()  # of the last run that ended well
        self._watch = watch
        self._changed = threading.Event()
        self._last_change_s = 0.0
        self._stop = threading.Event()
        self._first_run_over = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._reader = Reader(config.index)
        self._samples: dict[str, tuple[str, list[str]]] = {}  # index version, paths
        self._folders = {
            name: FolderWatch(
                Path(root),
                rules_of(config),
                self._note_change,
                partial(self._expected, name),
                events=watch,
            )
            for name, root in config.places
            if not is_url(root)
        }
        self._thread = threading.Thread(target=self._work, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin the first run; returns at once."""
        for folder in self._folders.values():
            folder.start()
        self._thread.start()

    @property
    def watched(self) -> dict[str, Watched]:
        """Of each source that is a folder, by name: whether it is there, and how it is watched."""
        return {name: folder.state for name, folder in self._folders.items()}

    def check(self, path: str) -> None:
        """LibraryError where the source of a photo is known to be out of reach: on a share that
        hangs, whoever opens the file would wait for ever, and hold a thread of the server."""
        name = "" if "" in self._folders else path.partition("/")[0]
        folder = self._folders.get(name)
        if folder is None:
            return
        state, inner = folder.state, path.removeprefix(f"{name}/") if name else path
        if not state.reachable:
            raise LibraryError(f"the photo folder {folder.name} {state.offline_because}")
        for share in state.silent:
            if inner.startswith(f"{share}/"):
                raise LibraryError(f"{share} in the photo folder {folder.name} {SILENT}")

    def mode(self, name: str) -> Mode:
        """How changes of a source are noticed."""
        if name in self._folders:
            return self._folders[name].state.mode
        return "polling" if self._watch else "off"

    def poll_s(self, name: str) -> float:
        """How often a source is read in any case."""
        limits = self.config.limits
        if name not in self._folders:
            return limits.poll_remote_s
        return limits.poll_eventless_s if self.mode(name) == "polling" else limits.poll_s

    def wait(self, timeout_s: float) -> None:
        """Until the first run is over, or the time is."""
        self._first_run_over.wait(timeout_s)

    def stop(self) -> None:
        """End the run under way, keeping what it has committed."""
        self._stop.set()
        self._changed.set()
        if self._process:
            self._process.terminate()
        for folder in self._folders.values():
            folder.stop()
        if self._thread.is_alive():
            self._thread.join(DRAIN_S)
        self._reader.close()

    def _work(self) -> None:
        # Watching begins before the first scan, so that no change falls between the two.
        for folder in self._folders.values():
            folder.wait()
        while not self._stop.is_set():
            self._changed.clear()
            code = self._run()
            self._first_run_over.set()
            if not self._watch and code != LOCKED_EXIT:
                return
            poll_s = min(self.poll_s(name) for name, _ in self.config.places)
            if self.status.offline.keys() - self._folders.keys():
                # Nothing else tells that a source elsewhere is back.
                poll_s = min(poll_s, self.config.limits.poll_eventless_s)
            self._changed.wait(min(RETRY_S, poll_s) if code else poll_s)
            while not self._is_reachable() and not self._stop.is_set():
                self._changed.clear()
                self._changed.wait(RETRY_S)
            self._wait_until_quiet()

    def _is_reachable(self) -> bool:
        """Whether a run could find anything; of sources elsewhere only a run can tell."""
        watched = self.watched
        return len(watched) < len(self.config.places) or any(
            one.reachable for one in watched.values()
        )

    def _expected(self, name: str) -> list[str]:
        """Some photos that should be in a source, spread over it and relative to it."""
        try:
            version = self._reader.version()
            if name not in self._samples or self._samples[name][0] != version:
                paths = self._reader.sample(name, _SAMPLE)
                self._samples[name] = version, [path[len(name and name + "/") :] for path in paths]
        except StoreError:  # which the status says
            return []
        return self._samples[name][1]

    def _note_change(self) -> None:
        self._last_change_s = time.monotonic()
        self._changed.set()

    def _wait_until_quiet(self) -> None:
        """Wait until files have stopped growing, within reason."""
        deadline_s = time.monotonic() + SETTLE_MAX_S
        while not self._stop.is_set() and time.monotonic() < deadline_s:
            quiet_s = time.monotonic() - self._last_change_s
            if quiet_s >= SETTLE_S:
                return
            self._stop.wait(SETTLE_S - quiet_s)

    def _run(self) -> int:
        """One index run to its end; its exit code."""
        before = self.status
        self.status = IndexingStatus("scanning", offline=before.offline)
        try:
            # One pipe for both: a second one, read later, would fill up and stop the run.
            self._process = start_index(self.config, stderr=subprocess.STDOUT)
        except OSError as error:  # there is no memory for it, or no process more
            code, said = 1, f"the indexing process can't be started: {error.strerror}"
        else:
            code, said = self._follow(self._process)
        self._note_end(code, said, before.message)
        return code

    def _follow(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Listen to a run until it ends; its exit code, and why it ended.

        Where a folder stops answering it is ended if it does not go on: it would wait for that one
        for ever, and all others with it. The next run does without. Nothing ends a thread that
        waits for a FUSE program, so nobody waits for what such a process leaves open.
        """
        if self._stop.is_set():
            process.terminate()
        said = [""]
        listener = threading.Thread(target=self._listen, args=(process, said), daemon=True)
        listener.start()
        before = self._silent()
        while listener.is_alive() and not has_ended(process):
            listener.join(LOOK_S)
            now = self._silent()
            if now - before:
                listener.join(FIND_OUT_S)
                if listener.is_alive() and not has_ended(process):
                    end(process)
                    return 1, f"{', '.join(sorted(now - before))} {SILENT}"
            before = now
        listener.join(LEFT_S)
        if process.stdin:
            process.stdin.close()
        try:
            return process.wait(LEFT_S), said[0]
        except subprocess.TimeoutExpired:
            return int(said[0].startswith("error: ")), said[0]

    def _listen(self, process: subprocess.Popen[str], said: list[str]) -> None:
        """Take over what a run says of itself until it ends; why it does, as far as it says so."""
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                if process is not self._process:  # it was left to itself
                    return
                if progress := progress_in(line):
                    self.status = IndexingStatus(**progress)
                elif findings := findings_in(line):
                    self.findings = findings
                # The first error is why it ends; what was printed earlier may arrive later.
                elif not line.startswith("{") and not said[0].startswith("error: "):
                    said[0] = line.strip() or said[0]

    def _note_end(self, code: int, said: str, told: str | None) -> None:
        """Say how a run ended, in the status; and in the log, unless the run before told it."""
        last = self.status
        if code and not self._stop.is_set():
            message = said.removeprefix("error: ") if said and code > 0 else ending(code)
            if message != told:
                log.warning("indexing: %s", message)
            self.status = IndexingStatus("failed", message=message, offline=last.offline)
        else:
            self.status = IndexingStatus(offline=last.offline, machines=last.machines)

    def _silent(self) -> set[str]:
        found = set()
        for folder in self._folders.values():
            state, name = folder.state, f"the photo folder {folder.name}"
            if state.offline_because == SILENT:
                found.add(name)
            found |= {f"{share} in {name}" for share in state.silent}
        return found
