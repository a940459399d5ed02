"""A folder of this machine as a source of photos."""

from __future__ import annotations

import os
from pathlib import Path

from edge_app.answering import answers, real_path
from edge_app.errors import LibraryError
from edge_app.library import scan
from edge_app.library.originals import open_original
from edge_app.library.rules import Rules, folders_of
from edge_app.library.scan import FoundFile, Scan, has_version, version_of
from edge_app.library.source import InFolder, Original, Source


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
        self._check_answers()
        return scan.scan(self.path, self.rules)

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


def _first_link(root: str, path: str) -> str | None:
    return next((f for f in folders_of(path) if os.path.islink(f"{root}/{f}")), None)


def source_of(place: Source | Path) -> Source:
    """A source; a path is a folder."""
    return Folder(place) if isinstance(place, Path) else place
