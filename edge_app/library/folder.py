"""A folder of this machine as a source of photos."""

from __future__ import annotations

import os
from pathlib import Path

from edge_app.library import scan
from edge_app.library.originals import open_original
from edge_app.library.scan import FoundFile, Scan
from edge_app.library.source import InFolder, Original, Source


class Folder:
    """A `source.Source`: a folder and all that is below it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._absolute = path.absolute()

    @property
    def root(self) -> str:
        return os.fspath(self.path.resolve())

    @property
    def label(self) -> str:
        return self.path.resolve().name

    def check(self) -> None:
        scan.check_root(self.path)

    def online(self) -> bool:
        return self._absolute.is_dir()

    def holds(self, folder: Path) -> bool:
        return folder.resolve().is_relative_to(self.path.resolve())

    def scan(self) -> Scan:
        return scan.scan(self.path)

    def open(self, path: str) -> Original:
        file = open_original(self._absolute, path)
        stat = os.fstat(file.fileno())
        return Original(file, stat.st_size, stat.st_mtime_ns)

    def to_decode(self, path: str) -> InFolder:
        return InFolder(os.fspath(self._absolute), path)

    def unchanged(self, file: FoundFile) -> bool:
        try:
            stat = os.lstat(self._absolute / file.path)
        except OSError:
            return False
        return (stat.st_size, stat.st_mtime_ns) == (file.size_bytes, file.mtime_ns)


def source_of(place: Source | Path) -> Source:
    """A source; a path is a folder."""
    return Folder(place) if isinstance(place, Path) else place
