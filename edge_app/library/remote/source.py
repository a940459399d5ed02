"""A bucket or a WebDAV share as a source of photos, through opendal; nothing else imports that.

What it says is not trusted: names that could lead elsewhere are skipped and counted, no more is
read than was listed, and what opendal says of an error is never shown, as it has addresses and
may have keys. Listing holds the interpreter, so only an index run lists.
"""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from edge_app.errors import EdgeAppError, LibraryError, NotFoundError, UnreadableError, UsageError
from edge_app.host import install_with
from edge_app.library.places import shown, unescaped
from edge_app.library.remote.access import options_of
from edge_app.library.remote.failures import (
    NOTHING,
    is_failure,
    is_refusal,
    is_temporary,
    kind_of,
    reason_of,
    status_of,
)
from edge_app.library.remote.listing import is_folder_below, listed, time_ns, version_of
from edge_app.library.rules import Rules
from edge_app.library.scan import FoundFile, Scan
from edge_app.library.source import Original

TIMEOUT_S = 30.0  # for a page of a listing, or for a part of an object
TRIES = 3
PIECE_BYTES = 256 * 1024  # of an original that is sent to a browser
SLOW_S, SLOW_BYTES = 60.0, 1024  # after this time an object comes at this rate a second, or fails
CHECK_S = 5.0  # what `check` found holds for this time
_SLOW = "it comes too slowly; the next run tries again"
_CHANGED = "it has changed while it was read"

T = TypeVar("T")


class Remote:
    """A `source.Source`: everything below a URL."""

    def __init__(self, root: str, config_file: Path | None, rules: Rules) -> None:
        self._root = root.rstrip("/")
        self._rules = rules
        self._service, self._options = options_of(self._root, config_file)
        self._made: tuple[Any, Any] | None = None
        self._started: tuple[float, Iterator[Any]] | None = None
        self._refused: set[str] = set()  # folders, of the last listing

    @property
    def root(self) -> str:
        return unescaped(self._root)

    @property
    def label(self) -> str:
        return shown(self._root)

    def check(self) -> None:
        """Ask for the first page of the listing; a scan that follows at once goes on with it."""
        self._started = time.monotonic(), self._entries()

    def online(self) -> bool:
        return True  # an index run says otherwise: asking takes a round trip

    def holds(self, folder: Path) -> bool:
        return False

    def path_of(self, file: Path) -> str | None:
        return None

    def scan(self) -> Scan:
        started, self._started = self._started, None
        fresh = started and time.monotonic() - started[0] < CHECK_S
        entries = started[1] if started and fresh else self._entries()
        found = listed(entries, self._rules, self.label)
        found.unreadable |= self._refused
        return found

    def open(self, path: str) -> Original:
        about = self._ask(lambda operator: operator.stat(f"/{path}"))
        size_bytes = int(about.content_length)
        match = {"if_match": about.etag} if about.etag and self._service == "s3" else {}
        reader = self._ask(lambda operator: operator.open(f"/{path}", "rb", **match))
        file = io.BufferedReader(_Reader(self._ask, reader, size_bytes), PIECE_BYTES)
        return Original(
            cast(BinaryIO, file), size_bytes, time_ns(about), version_of(about), is_here=False
        )

    def is_here(self, path: str) -> bool:
        return False

    def to_decode(self, path: str, size_bytes: int) -> bytes:
        """All bytes; UnreadableError if there are more or less now: that is another object."""

        def whole(operator: Any) -> bytes:
            # Not `read`, which takes in all that a server sends before it looks at the length.
            with operator.open(f"/{path}", "rb") as file:  # else it takes off blanks
                data = read_up_to(file.read, size_bytes + 1)
            if len(data) != size_bytes:
                raise UnreadableError(_CHANGED)
            return data

        return self._ask(whole)

    def unchanged(self, file: FoundFile) -> bool:
        return True  # a read gets what was listed, or fails

    def _operator(self, *, retries: bool = True) -> Any:
        """For single objects; for listings without retries. A listing that opendal tries again
        ends there (0.47.12, WebDAV), and what was not listed would be taken for deleted."""
        if not self._made:
            try:
                import opendal
                from opendal.layers import RetryLayer, TimeoutLayer
            except ImportError:
                raise UsageError(
                    f"{self.label} needs a package that is not installed: "
                    f"{install_with('lookalike[remote]')}"
                ) from None
            try:
                operator = opendal.Operator(self._service, **self._options)
            except Exception:
                raise UsageError(
                    f"{self.label}: its settings are not complete; see docs/remote.md"
                ) from None
            plain = operator.layer(TimeoutLayer(timeout=TIMEOUT_S, io_timeout=TIMEOUT_S))
            retry = RetryLayer(max_times=TRIES - 1, min_delay=0.2, max_delay=1.0, jitter=True)
            self._made = plain, plain.layer(retry)
        return self._made[retries]

    def _entries(self) -> Iterator[Any]:
        """The listing, its first entry fetched already."""
        self._refused = set()
        entries = self._walk() if self._service == "webdav" else self._list("", recursive=True)
        first = next(entries, None)
        if first is None and self._service == "webdav":  # a folder that is there lists itself
            raise LibraryError(f"{self.label} can't be reached: {NOTHING}")
        return entries if first is None else chain([first], entries)

    def _walk(self) -> Iterator[Any]:
        """Folder by folder, as opendal lists a share too; but other programs' folders are not
        asked for, and one that is refused takes nothing from the others."""
        folders, asked = deque([""]), {"", "/"}
        while folders:
            folder = folders.popleft()
            is_there = not folder
            try:
                for entry in self._list(folder, recursive=False):
                    is_there = True  # it lists itself
                    yield entry
                    if is_folder_below(entry, folder) and entry.path not in asked:
                        asked.add(entry.path)
                        folders.append(entry.path)
            except _RefusedError:
                if not folder:
                    raise
            if not is_there:  # though the folder above listed it
                self._refused.add(folder.rstrip("/"))

    def _list(self, folder: str, *, recursive: bool) -> Iterator[Any]:
        try:
            yield from self._operator(retries=False).list(folder, recursive=recursive)
        except BaseException as error:
            raise self._away(error) from None

    def _ask(self, call: Callable[[Any], T]) -> T:
        """The answer about one object. Where there is none, the source tells by another question
        whether that is because of the object."""
        operator = self._operator()
        try:
            return call(operator)
        except BaseException as error:
            if isinstance(error, EdgeAppError) or not is_failure(error):
                raise
            kind = kind_of(error)
            if kind == "NotFound":
                raise NotFoundError("the photo is no longer in its source") from None
            if kind in ("ConditionNotMatch", "RangeNotSatisfied") or "too little" in str(error):
                raise UnreadableError(_CHANGED) from None
            self._look(error)
            raise UnreadableError("its source did not hand it out") from None

    def _look(self, error: BaseException) -> None:
        """LibraryError if the source as a whole does not answer."""
        if not is_temporary(error) and not is_refusal(error):
            return
        try:
            self._operator(retries=False).check()
        except BaseException as second:
            raise self._away(second) from None

    def _away(self, error: BaseException) -> BaseException:
        if isinstance(error, EdgeAppError) or not is_failure(error):
            return error
        kind = _RefusedError if status_of(error) == 403 else LibraryError
        return kind(f"{self.label} can't be reached: {reason_of(error, TIMEOUT_S)}")


class _RefusedError(LibraryError):
    """These keys may not see it, though they may see other things."""


def read_up_to(read: Callable[[int], bytes], size_bytes: int) -> bytes:
    """This many bytes, or all that there are; UnreadableError where they come too slowly."""
    data, start_s = bytearray(), time.monotonic()
    while len(data) < size_bytes and (piece := read(size_bytes - len(data))):
        data += piece
        took_s = time.monotonic() - start_s
        if took_s > SLOW_S and len(data) < took_s * SLOW_BYTES:
            raise UnreadableError(_SLOW)
    return bytes(data)


class _Reader(io.RawIOBase):
    """An object as a file of the size that was told: what follows is not read."""

    def __init__(
        self, ask: Callable[[Callable[[Any], bytes]], bytes], file: Any, size_bytes: int
    ) -> None:
        self._ask, self._file, self._size_bytes = ask, file, size_bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size_bytes}[whence]
        return int(self._file.seek(max(0, start + offset)))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size_bytes - self.tell())
        if count <= 0:
            return 0
        try:
            data = self._ask(lambda operator: bytes(self._file.read(count)))
        except EdgeAppError as error:
            raise OSError(str(error)) from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
            super().close()
