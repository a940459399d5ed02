"""Finds every image file below a library root, and nothing else."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edge_app.errors import LibraryError
from edge_app.library.mounts import (
    Mount,
    Place,
    Ways,
    mount_of,
    mounts,
    mounts_below,
    place_of,
    silent_below,
)
from edge_app.library.originals import version_of
from edge_app.library.rules import MARKERS, Rules, folders_of, is_image_name, is_others_folder


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file with an image's name. Size and time are compared for difference only."""

    path: str  # relative to the root, "/" between parts; other bytes than UTF-8 as surrogates
    size_bytes: int
    mtime_ns: int
    # What its source tells versions of the same size and time apart by, "" if nothing: of a file,
    # `version_of`; of an object, its ETag. With another one the content decides.
    version: str = ""
    mount: str = ""  # the folder below the root where another drive begins, "" on the root's own
    raws: tuple[FoundFile, ...] = ()  # RAW files beside it, see pairs.py; a scan finds none

    @property
    def raw_names(self) -> tuple[str, ...]:
        return tuple(raw.path.rpartition("/")[2] for raw in self.raws)


LeftOut = Literal["links", "marked", "excluded", "names", "unreadable"]


@dataclass(slots=True)
class Tally:
    """How many there are of something, and one of them."""

    count: int = 0
    example: str | None = None

    def add(self, path: str) -> None:
        self.count += 1
        self.example = self.example or path


@dataclass(slots=True)
class Scan:
    """What one walk over a library root found; folders are relative to the root."""

    files: list[FoundFile] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)  # folders, and files
    linked: set[str] = field(default_factory=set)  # links to folders, passed over
    marked: set[str] = field(default_factory=set)  # passed over for a .nomedia or .noindex
    excluded: Tally = field(default_factory=Tally)  # by a glob: folders, and files
    mounted: set[str] = field(default_factory=set)  # where other drives begin at present
    rules: Rules = field(default_factory=Rules)
    offline: dict[str, str] = field(default_factory=dict)  # why a source is out of reach, by name
    refused: Tally = field(default_factory=Tally)  # listed under names that are no plain paths
    several: bool = False  # whether paths begin with the name of a source

    def hides(self, path: str) -> bool:
        """Whether `path` or a folder on it could not be read: its absence says nothing."""
        return path in self.unreadable or not self.unreadable.isdisjoint(folders_of(path))

    def leaves_out(self, path: str) -> bool:
        """Whether a file at `path` is passed over, there or not."""
        return any(
            folder in self.linked or folder in self.marked for folder in folders_of(path)
        ) or self.rules.leaves_out(path.partition("/")[2] if self.several else path)

    def mount_at(self, path: str) -> str:
        """Where the drive begins that `path` is on at present, as `FoundFile.mount`."""
        return max((f for f in folders_of(path) if f in self.mounted), key=len, default="")

    def left_out(self) -> dict[LeftOut, Tally]:
        """What was passed over and may be photos, by the reason."""
        tallies: dict[LeftOut, Tally] = {
            "links": _tally(self.linked),
            "marked": _tally(self.marked),
            "excluded": self.excluded,
            "names": self.refused,
            "unreadable": _tally(self.unreadable - self.offline.keys()),
        }
        return {reason: tally for reason, tally in tallies.items() if tally.count}


def scan(root: Path, rules: Rules = Rules()) -> Scan:  # noqa: B008 - immutable
    """Walk the library root, in order of names; what is behind links comes last.

    Links to files, FIFOs, devices and what `rules` names are passed over; a folder that can't be
    read, and a drive that goes away or comes meanwhile, is noted. Raises LibraryError if the root
    is missing, not a folder, or unreadable, and if it is another one at the end.
    """
    walk = Walk(root, rules)
    walk.found.files.extend(walk.files())
    return walk.found


def check_root(root: Path) -> list[os.DirEntry[str]]:
    """The entries of the library root; a LibraryError says why they are not available."""
    try:
        return _entries(os.fspath(root))
    except NotADirectoryError:
        raise LibraryError(
            f"{root} is not a folder; choose the photo folder with --gallery"
        ) from None
    except FileNotFoundError:
        raise LibraryError(
            f"{root} does not exist; mount it, or choose the photo folder with --gallery"
        ) from None
    except OSError as error:
        raise LibraryError(f"{root} can't be read: {error.strerror}") from None


def _tally(paths: set[str]) -> Tally:
    return Tally(len(paths), min(paths, default=None))


class Walk:
    """One walk over a library root.

    enter: called with the path, the real place and the mount of each folder before it is listed;
    where it answers False the folder is passed over.
    only_folders: nobody asks for the files, which are then not looked at.
    """

    def __init__(
        self,
        root: Path,
        rules: Rules,
        enter: Callable[[str, str, Mount | None], object] = lambda path, place, drive: None,
        *,
        only_folders: bool = False,
    ) -> None:
        self.found = Scan(rules=rules)
        self.links: set[str] = set()  # that lead to folders or to nothing, if links count
        self._only_folders = only_folders
        self._root, self._rules, self._enter = root, rules, enter
        self._links: deque[tuple[str, str]] = deque()  # path and place
        self._seen: set[tuple[int, int]] = set()  # device and inode of folders, if links count
        self._real = ""  # the root's place
        self._known = mounts()
        self._ways = Ways(self._known)
        self._below: dict[str, Mount] = {}
        self._places: dict[str, Place | None] = {}  # of the root, and where other drives begin
        self._here: dict[str, Mount] = {}  # of these, whose disk was there

    def files(self) -> Iterator[FoundFile]:
        """Each image file; LibraryError as `check_root` raises it."""
        self._real = real = os.path.realpath(self._root)
        self._below = mounts_below(real, self._known)
        self.found.mounted = set(self._below)
        self.found.unreadable = silent_below(real, self._below)
        own = mount_of(real, self._known)
        if self._enter("", real, own) is False:
            return
        entries = check_root(self._root)
        below = self._below.keys() - self.found.unreadable
        self._places = {path: place_of(f"{real}/{path}") for path in ("", *below)}
        drives = self._below | ({"": own} if own else {})
        self._here = {path: mount for path, mount in drives.items() if not mount.device_is_gone}
        if self._rules.follow_links:
            self._is_new(os.stat(real))
        yield from self._list(entries, "", "", own)
        while self._links:  # behind what is there without them, which so keeps its own paths
            path, place = self._links.popleft()
            with suppress(FileNotFoundError):
                real = os.path.realpath(place)
                if self._is_new(os.stat(real)):
                    self.found.mounted.add(path)
                    self._places[path] = place_of(place)
                    yield from self._folder(path, real, path, mount_of(real, self._known))
        self._note_drives_gone()

    @property
    def mounts(self) -> set[str]:
        """Where file systems are that it may have to wait for."""
        below = mounts_below(self._real, mounts()).keys() - self.found.unreadable
        return {self._real, *(f"{self._real}/{path}" for path in below), *self._ways.answering()}

    def enter(self, path: str, place: str) -> None:
        """Enter a folder that is new below the root, and those in it; links in it are not
        followed."""
        for _ in self._folder(path, place, "", None):
            pass

    def _note_drives_gone(self) -> None:
        """Compare what is where with what was when it was entered. A drive that went away in the
        middle left folders that are missing, or empty: that says nothing of what was in them."""
        real = os.path.realpath(self._root)
        gone = {path for path, mount in self._here.items() if mount.device_is_gone}
        gone |= {path for path, was in self._places.items() if place_of(f"{real}/{path}") != was}
        if "" in gone:
            raise LibraryError(
                f"{self._root} went away, or became another folder, while it was read"
            )
        self.found.unreadable |= gone

    def _folder(
        self, path: str, place: str, mount: str, drive: Mount | None
    ) -> Iterator[FoundFile]:
        if self._enter(path, place, drive) is False:
            return
        try:
            entries = _entries(place)
        except FileNotFoundError:
            return  # gone between listing and looking
        except OSError:
            self.found.unreadable.add(path)
            return
        if any(entry.name in MARKERS for entry in entries):
            self.found.marked.add(path)
        else:
            yield from self._list(entries, path + "/", mount, drive)

    def _list(
        self, entries: list[os.DirEntry[str]], prefix: str, mount: str, drive: Mount | None
    ) -> Iterator[FoundFile]:
        for entry in entries:
            path = prefix + entry.name
            try:
                if self._is_silent(entry) or entry.is_dir():
                    yield from self._subfolder(entry, path, mount, drive)
                elif self._only_folders:
                    if self._rules.follow_links and entry.is_symlink():
                        self.links.add(path)
                elif (
                    is_image_name(entry.name)
                    and entry.is_file(follow_symlinks=False)
                    and not self._is_excluded(path, is_folder=False)
                ):
                    stat = entry.stat(follow_symlinks=False)
                    version = version_of(stat, drive)
                    yield FoundFile(path, stat.st_size, stat.st_mtime_ns, version, mount)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno != errno.ELOOP:  # a link to itself
                    self.found.unreadable.add(path)

    def _subfolder(
        self, entry: os.DirEntry[str], path: str, mount: str, drive: Mount | None
    ) -> Iterator[FoundFile]:
        if is_others_folder(path) or path in self.found.unreadable:
            return
        if self._is_excluded(path, is_folder=True):
            return
        if entry.is_symlink():
            if not self._rules.follow_links:
                self.found.linked.add(path)
                return
            self.links.add(path)
            if self._is_silent(entry):
                self.found.unreadable.add(path)
            else:
                self._links.append((path, entry.path))
        elif not self._rules.follow_links or self._is_new(entry.stat(follow_symlinks=False)):
            if path in self._below:
                mount, drive = path, self._below[path]
            yield from self._folder(path, entry.path, mount, drive)

    def _is_excluded(self, path: str, *, is_folder: bool) -> bool:
        """Whether a glob names it, which is counted."""
        excluded = self._rules.excludes(path, is_folder=is_folder)
        if excluded:
            self.found.excluded.add(path)
        return excluded

    def _is_silent(self, entry: os.DirEntry[str]) -> bool:
        """Whether it is a link to what does not answer, so that asking for more would not end."""
        return entry.is_symlink() and self._ways.is_silent(os.path.abspath(entry.path))

    def _is_new(self, stat: os.stat_result) -> bool:
        """Whether this folder was not entered before: links may lead in circles."""
        place = stat.st_dev, stat.st_ino
        is_new = place not in self._seen
        self._seen.add(place)
        return is_new


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
