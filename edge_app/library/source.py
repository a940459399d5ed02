"""What a source of photos can do: a folder is one, a bucket or a share another."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Protocol, Self

from edge_app.errors import UnreadableError
from edge_app.library.originals import FINGERPRINT_BYTES
from edge_app.library.scan import FoundFile, Scan

_PIECE_BYTES = 1024 * 1024


class InFolder(NamedTuple):
    """An original on this machine, for whoever opens it by itself (`originals.open_original`)."""

    root: str  # absolute
    path: str  # below it


class Elsewhere(NamedTuple):
    """An original that is not on this machine, for whoever reads it from its source."""

    path: str


@dataclass(frozen=True, slots=True)
class Original:
    """An original that is open for reading, and which version of it that is."""

    file: BinaryIO  # can seek; with `fileno` if it is on this machine
    size_bytes: int
    mtime_ns: int
    version: str = ""  # of FoundFile, or more
    changed_ns: int = 0  # when its bytes, its name or its time was last changed, if known
    is_here: bool = True  # on this machine; else each read asks another one

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.file.close()


class Source(Protocol):
    """One place with photos. Paths are relative to its root, with "/" between their parts.

    LibraryError is raised when the source as a whole can't be reached: that says nothing about any
    photo. `open` and `to_decode` also raise NotFoundError when the photo is gone, DecodeError when
    it is none, and UnreadableError when it can't be read now.
    """

    @property
    def root(self) -> str:
        """Where it is, the same for the same place however a user wrote it."""

    @property
    def label(self) -> str:
        """What a page calls it."""

    def check(self) -> None:
        """LibraryError says why it can't be reached, and what to do."""

    def online(self) -> bool:
        """Whether it could be reached a moment ago; costs next to nothing."""

    def holds(self, folder: Path) -> bool:
        """Whether a folder of this machine is the source or lies in it."""

    def path_of(self, file: Path) -> str | None:
        """The path here of a file of this machine, None if it lies elsewhere."""

    def scan(self) -> Scan:
        """Every photo there is."""

    def open(self, path: str) -> Original:
        """An original, for reading."""

    def to_decode(self, path: str, size_bytes: int) -> InFolder | bytes:
        """An original for a decoding process: its place if that can open it, or all its bytes,
        `size_bytes` of them."""

    def is_here(self, path: str) -> bool:
        """Whether an original is on this machine, and needs no reading ahead."""

    def unchanged(self, file: FoundFile) -> bool:
        """Whether the file still is what the scan found."""


def fingerprint_at(source: Source, path: str) -> bytes:
    """The fingerprint of an original, read piece by piece; raises as `open` does."""
    hashed = blake2b(digest_size=FINGERPRINT_BYTES)
    with source.open(path) as original:
        try:
            while piece := original.file.read(_PIECE_BYTES):
                hashed.update(piece)
        except OSError as error:
            raise UnreadableError(f"can't be read: {error.strerror}") from None
    return hashed.digest()
