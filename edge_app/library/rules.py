"""Which files and folders of a library are not photos of its owner."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from edge_app.errors import UsageError

# Read through LibRaw where that is installed (photos/reading/raw.py). NRW, PEF and SRW are untried.
RAW_SUFFIXES = frozenset(".nef .nrw .cr2 .cr3 .arw .dng .raf .orf .rw2 .pef .srw".split())
# Chosen by name so that videos, sidecars and documents in a photo folder are not reported as
# broken images; what a file really holds is decided by `decode`, from its bytes.
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .webp .gif .bmp .dib .tif .tiff .heic .heif .hif .avif .jxl"
    "".split()
)
SUFFIXES |= RAW_SUFFIXES

# Folders in which other programs and systems keep their thumbnails, snapshots and deleted files:
# Synology, QNAP, Windows, macOS, Linux, Lightroom. Hidden ones (.Trash-1000, .@__thumb) are skipped
# as all hidden names are; *.noindex is how macOS marks a folder by its name.
_OTHERS_NAMES = frozenset(
    {
        "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@__thumb",
        "$recycle.bin", "recycler", "system volume information", "network trash folder",
        "lost+found",
    }
)  # fmt: skip
_OTHERS_ENDINGS = (".lrdata", ".noindex")
_OTHERS_PATH = re.compile(r"(?:.*/)?[^/]*\.photoslibrary/resources/derivatives")

MARKERS = frozenset({".nomedia", ".noindex"})  # a file of this name: "no photos in this folder"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a walk over a library passes over, beside what is never a photo.

    exclude: globs. One without a "/" is compared with the name of each file and folder, one with
    a "/" with the path below the root; `*` and `?` stand for no "/", `**` for any folders. What
    ends with "/" means folders only. UsageError for a glob that can't match anything.
    """

    exclude: tuple[str, ...] = ()
    follow_links: bool = False  # to folders

    def __post_init__(self) -> None:
        for glob in self.exclude:
            parts = glob.strip("/").split("/")
            if not {"", ".", ".."}.isdisjoint(parts):
                raise UsageError(
                    f"--exclude {glob!r} can't match anything; give a name such as '*.png' or a "
                    "path below the photo folder such as 'scans/old'"
                )
            try:
                _expression((glob,))
            except re.error as error:
                raise UsageError(f"--exclude {glob!r} is not a pattern: {error}") from None

    def excludes(self, path: str, *, is_folder: bool) -> bool:
        """Whether a glob names this very file or folder."""
        # Names that are folders end with "/", so that one expression tells both.
        return bool(self.exclude) and bool(
            _expression(self.exclude).fullmatch(path + "/" if is_folder else path)
        )

    def leaves_out(self, path: str) -> bool:
        """Whether a file at this path is passed over because of the name of anything on it."""
        return (
            not is_image_name(path.rpartition("/")[2])
            or any(map(is_others_folder, folders_of(path)))
            or self.excludes_on_way(path)
        )

    def excludes_on_way(self, path: str) -> bool:
        """Whether a glob names the file at this path, or any folder on it."""
        return self.excludes(path, is_folder=False) or any(
            self.excludes(folder, is_folder=True) for folder in folders_of(path)
        )


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for an image: a known suffix, and not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def is_others_folder(path: str) -> bool:
    """Whether a folder is hidden, or another program's: told by its name, whatever its case."""
    name = path.rpartition("/")[2].casefold()
    return (
        name.startswith(".")
        or name in _OTHERS_NAMES
        or name.endswith(_OTHERS_ENDINGS)
        or (name == "derivatives" and bool(_OTHERS_PATH.fullmatch(path.casefold())))
    )


def folders_of(path: str) -> Iterator[str]:
    """Every folder on the way to a path, from the top."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


_TOKEN = re.compile(r"\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


@cache
def _expression(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_of_glob, globs)), re.DOTALL)


def _of_glob(glob: str) -> str:
    *folders, last = glob.strip("/").split("/")
    if "/" not in glob.rstrip("/"):
        folders = ["**"]  # a name, in any folder
    found = "".join("(?:[^/]+/)*" if part == "**" else _of_part(part) + "/" for part in folders)
    found += "(?:[^/]+/)*[^/]+" if last == "**" else _of_part(last)
    return found + ("/" if glob.endswith("/") else "/?")


def _of_part(part: str) -> str:
    return _TOKEN.sub(lambda token: _of_token(token[0]), part)


def _of_token(token: str) -> str:
    if token == "*":
        return "[^/]*"
    if token == "?":
        return "[^/]"
    if len(token) > 1:  # [abc], [!a-z]
        inner = re.sub(r"([\\\[&~|])", r"\\\1", token[1:-1])
        return "(?!/)[" + ("^" + inner[1:] if inner.startswith("!") else inner) + "]"
    return re.escape(token)
