"""A folder of this machine as a source of photos."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from edge_app.answering import answers, real_path, silent
from edge_app.errors import LibraryError
from edge_app.library import scan
from edge_app.library.mounts import Mount, mount_of, mounts, mounts_below
from edge_app.library.originals import has_version, open_original, version_of
from edge_app.library.rules import Rules, folders_of
from edge_app.library.scan import FoundFile, Scan, Walk
from edge_app.library.source import InFolder, Original, Source

LOOK_S = 5.0  # between two questions to the shares that a walk reads


class Folder:
    """A `source.Source`: a folder and all that is below it."""

    def __init__(self, path: Path, rules: Rules = Rules()) -> None:  # noqa: B008 - immutable
        self.path, self.rules = path, rules
        self._absolute = path.absolute()
        # Once: a share that hangs must not hang whoever only wants its name.
        self._root = real_path(path)

    @property
    def root(self) -> str:
        return self._root

    @property
    def label(self) -> str:
        return os.path.basename(self._root)

    def check(self) -> None:
        self._check_answers()
        scan.check_root(self.path)

    def online(self) -> bool:
        return answers(self.path) and os.path.isdir(self._absolute)

    def holds(self, folder: Path) -> bool:
        return folder.resolve().is_relative_to(self._root)

    def path_of(self, file: Path) -> str | None:
        inside = os.path.relpath(os.path.abspath(file), self._absolute)
        return None if inside.split("/")[0] in (".", "..") else inside

    def scan(self) -> Scan:
        while True:
            self._check_answers()
            if not self._reaches_shares():
                return scan.scan(self.path, self.rules)
            walking = _Walking(self.path, self.rules)
            if walking.ends():
                return walking.found()
            # Another walk leaves out what does not answer any more.

    def open(self, path: str) -> Original:
        place = self._place(path)
        file = open_original(Path(place.root), place.path)
        stat = os.fstat(file.fileno())
        changed_ns = max(stat.st_mtime_ns, stat.st_ctime_ns)
        version = version_of(stat)
        return Original(file, stat.st_size, stat.st_mtime_ns, version, changed_ns)

    def is_here(self, path: str) -> bool:
        return True

    def to_decode(self, path: str, size_bytes: int) -> InFolder:
        return self._place(path)

    def unchanged(self, file: FoundFile) -> bool:
        place = self._place(file.path)
        try:
            stat = os.lstat(Path(place.root, place.path))
        except OSError:
            return False
        same = (stat.st_size, stat.st_mtime_ns) == (file.size_bytes, file.mtime_ns)
        return same and has_version(stat, file.version)

    def _reaches_shares(self) -> bool:
        """Whether reading it may begin to hang. A thread more for that takes half a megabyte."""
        known = mounts()
        reached: list[Mount | None] = [*known]  # by links
        if not self.rules.follow_links:
            real = os.path.realpath(self.path)
            reached = [mount_of(real, known), *mounts_below(real, known).values()]
        return any(one and not one.has_events for one in reached)

    def _check_answers(self) -> None:
        if not answers(self.path):
            raise LibraryError(f"{self.path} does not answer; is the server of this share there?")

    def _place(self, path: str) -> InFolder:
        """Where an original really is: behind the last link on its way, if links are followed."""
        root = os.fspath(self._absolute)
        # A path that leads upward is for `open_original` to refuse.
        if self.rules.follow_links and {"", ".", ".."}.isdisjoint(path.split("/")):
            while link := _first_link(root, path):
                root, path = os.path.realpath(f"{root}/{link}"), path[len(link) + 1 :]
        return InFolder(root, path)


class _Walking(threading.Thread):
    """A walk that can be left alone where it hangs: nothing ends a wait for a server that is
    gone."""

    def __init__(self, root: Path, rules: Rules) -> None:
        super().__init__(name="walk", daemon=True)
        self._walk = Walk(root, rules)
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._walk.found.files.extend(self._walk.files())
        except BaseException as error:
            self._error = error

    def ends(self) -> bool:
        """Wait for the end; False if there will be none, as a share does not answer any more."""
        while self.is_alive():
            self.join(LOOK_S)
            if self.is_alive() and silent(self._walk.mounts):
                return not self.is_alive()
        return True

    def found(self) -> Scan:
        if self._error:
            raise self._error
        return self._walk.found


def _first_link(root: str, path: str) -> str | None:
    return next((f for f in folders_of(path) if os.path.islink(f"{root}/{f}")), None)


def source_of(place: Source | Path) -> Source:
    """A source; a path is a folder."""
    return Folder(place) if isinstance(place, Path) else place
