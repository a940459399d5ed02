"""Finds every image file below a library root, and nothing else; follows no links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_app.errors import LibraryError

# Read through LibRaw where that is installed (photos/raw.py). NRW, PEF and SRW are untried.
RAW_SUFFIXES = frozenset(".nef .nrw .cr2 .cr3 .arw .dng .raf .orf .rw2 .pef .srw".split())
# Chosen by name so that videos, sidecars and documents in a photo folder are not reported as
# broken images; what a file really holds is decided by `decode`, from its bytes.
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .webp .gif .bmp .dib .tif .tiff .heic .heif .hif .avif .jxl"
    "".split()
)
SUFFIXES |= RAW_SUFFIXES

# Folders in which other programs keep their own thumbnails and deleted files.
SKIPPED_FOLDERS = frozenset({"@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found"})


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


@dataclass(slots=True)
class Scan:
    """What one walk over a library root found."""

    files: list[FoundFile] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # folders, relative to the root

    def hides(self, path: str) -> bool:
        """Whether `path` lies in a folder that could not be read: its absence says nothing."""
        return any(path.startswith(folder + "/") for folder in self.unreadable)


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for an image: a known suffix, and not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def is_skipped_folder(name: str) -> bool:
    """Whether folders of this name are passed over: hidden ones and other programs' stores."""
    return name.startswith(".") or name in SKIPPED_FOLDERS


def scan(root: Path) -> Scan:
    """Walk the library root, in order of names.

    Links, FIFOs, devices and hidden names are passed over; a folder that can't be read is noted.
    Raises LibraryError if the root itself is missing, not a folder, or unreadable.
    """
    found = Scan()
    found.files.extend(_walk(check_root(root), "", found.unreadable))
    return found


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


def _walk(
    entries: list[os.DirEntry[str]], prefix: str, unreadable: list[str]
) -> Iterator[FoundFile]:
    for entry in entries:
        path = prefix + entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                if not is_skipped_folder(entry.name):
                    yield from _walk(_entries(entry.path), path + "/", unreadable)
            elif is_image_name(entry.name) and entry.is_file(follow_symlinks=False):
                stat = entry.stat(follow_symlinks=False)
                yield FoundFile(path, stat.st_size, stat.st_mtime_ns)
        except FileNotFoundError:
            continue  # gone between listing and looking
        except OSError:
            unreadable.append(path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
