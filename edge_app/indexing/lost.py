"""Which photos that were not found are gone, and which are only out of reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from edge_app.index.format.records import Known
from edge_app.library.originals import UNTOLD
from edge_app.library.scan import Scan


@dataclass(frozen=True, slots=True)
class Away:
    """A drive that is not there, and how many photos are on it."""

    folder: str  # where it begins, below the library root
    images: int


class Lost:
    """Judges the images of the index that a scan did not find.

    Gone are those that the user's rules leave out now, and those that are missing where most of
    their drive is there. Out of reach is what lies in a folder that can't be read, on a drive that
    is not where it was, or on one of which more than half is missing or has become another photo:
    cameras give the photos of every card the same names.
    """

    def __init__(self, found: Scan, known: Mapping[str, Known], missing: dict[str, Known]):
        """`missing` loses those that turn up under another name, until `judge_drives`."""
        self._found, self._known, self._missing = found, known, missing
        self._left_out = {path for path in missing if found.leaves_out(path)}
        self._away = {
            path
            for path, old in missing.items()
            if path not in self._left_out and _is_away(found, path, old)
        }
        self._twins = {
            (old.content, old.version if path in self._away else ""): path
            for path, old in missing.items()
            if old.embedded and not (path in self._away and old.version == UNTOLD)
        }
        self._replaced: Counter[str] = Counter()  # by drive
        self._doubted: set[str] = set()  # drives

    def twin(self, content: bytes, version: str) -> Known | None:
        """A missing image that is here now: one with this content or, if its drive is away, this
        very file: the drive is somewhere else. Another with the same content may be a copy."""
        path = self._twins.pop((content, version), "") or self._twins.pop((content, ""), "")
        return self._missing.pop(path) if path else None

    def compare(self, old: Known | None, content: bytes) -> None:
        """Note what is at the path of an image now."""
        if old and old.content != content:
            self._replaced[old.mount] += 1

    def judge_drives(self) -> None:
        """Decide which drives are there, now that everything was looked for."""
        here = Counter(old.mount for old in self._known.values())
        gone: Counter[str] = Counter()
        for path, old in self._missing.items():
            if path in self._left_out or path in self._away:
                here[old.mount] -= 1
            else:
                gone[old.mount] += 1
        self._doubted = {
            mount
            for mount, count in gone.items()
            if count + self._replaced[mount] > here[mount] / 2
        }

    @property
    def doubtful(self) -> bool:
        """Whether a drive, or most of one, is not there: nothing should be final now."""
        return bool(self._doubted) or any(map(self.is_away, self._missing))

    def is_away(self, path: str) -> bool:
        """Whether a missing image is on a drive that is not there."""
        return path in self._away

    def is_gone(self, path: str, old: Known, prune: bool) -> bool:
        """Whether a missing image is to be dropped. What was out of reach before stays until it is
        found again, or until `prune`."""
        if self._found.hides(path):
            return False
        if path in self._left_out or prune:
            return True
        return not (old.offline or path in self._away or old.mount in self._doubted)

    def away(self) -> list[Away]:
        """The drives that are not there."""
        folders = Counter(
            old.mount or self._found.mount_at(path)
            for path, old in self._missing.items()
            if path in self._away
        )
        return [Away(folder, count) for folder, count in sorted(folders.items())]


def _is_away(found: Scan, path: str, old: Known) -> bool:
    """Whether the place is on another drive now: then what is missing there says nothing. An index
    of an earlier program does not know on which one an image was."""
    return bool(old.version) and found.mount_at(path) != old.mount
