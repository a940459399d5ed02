"""A bucket or a WebDAV share as a source of photos, through opendal; nothing else imports that.

What it says is not trusted: names that could lead elsewhere are skipped and counted, no more is
read than was listed, and what opendal says of an error is never shown, as it has addresses and
may have keys. Listing holds the interpreter, so only an index run lists.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from edge_app.errors import EdgeAppError, LibraryError, NotFoundError, UnreadableError, UsageError
from edge_app.library.access import options_of
from edge_app.library.places import shown
from edge_app.library.rules import Rules, folders_of, is_image_name
from edge_app.library.scan import FoundFile, Scan
from edge_app.library.source import Original

OBJECTS = 2_000_000  # listed at most: a hundred times a large library, and 400 MB of names
NAME_BYTES = 1024  # S3's own limit for a whole key
TIMEOUT_S = 30.0  # for a page of a listing, or for a part of an object
TRIES = 3
PIECE_BYTES = 256 * 1024  # of an original that is sent to a browser
CHECK_S = 5.0  # what `check` found is true for so long
_NOTHING = "there is no such bucket or folder"
_STATUS = re.compile(r"status: (\d{3})")

T = TypeVar("T")


class Remote:
    """A `source.Source`: everything below a URL."""

    def __init__(self, root: str, config_file: Path | None, rules: Rules) -> None:
        self._root = root.rstrip("/")
        self._rules = rules
        self._service, self._options = options_of(self._root, config_file)
        self._made: tuple[Any, Any] | None = None
        self._started: tuple[float, Iterator[Any]] | None = None

    @property
    def root(self) -> str:
        return self._root

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
        return listed(entries, self._rules, self.label)

    def open(self, path: str) -> Original:
        about = self._ask(lambda operator: operator.stat(path))
        size_bytes = int(about.content_length)
        file = io.BufferedReader(_Reader(self, path, size_bytes, about.etag), PIECE_BYTES)
        return Original(
            cast(BinaryIO, file), size_bytes, _time_ns(about), _version(about), is_here=False
        )

    def is_here(self, path: str) -> bool:
        return False

    def to_decode(self, path: str, size_bytes: int) -> bytes:
        return self.read(path, 0, size_bytes)

    def read(self, path: str, start: int, size_bytes: int, etag: str | None = None) -> bytes:
        """So many bytes, or UnreadableError: an object that is shorter now is another one."""
        if not size_bytes:
            return b""
        match = {"if_match": etag} if etag and self._service == "s3" else {}
        data = self._ask(
            lambda operator: operator.read(path, offset=start, size=size_bytes, **match)
        )
        if len(data) != size_bytes:
            raise UnreadableError("it has changed while it was read")
        return bytes(data)

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
                    "pip install 'lookalike[remote]'"
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
        operator = self._operator(retries=False)
        try:
            entries = iter(operator.list("", recursive=True))
            first = next(entries, None)
        except Exception as error:
            raise self._away(error) from None
        if first is None and self._service == "webdav":  # a folder that is there lists itself
            raise LibraryError(f"{self.label} can't be reached: {_NOTHING}")
        return self._rest(first, entries)

    def _rest(self, first: Any, entries: Iterator[Any]) -> Iterator[Any]:
        if first is None:
            return
        yield first
        while True:
            try:
                entry = next(entries, None)
            except Exception as error:
                raise self._away(error) from None
            if entry is None:
                return
            yield entry

    def _ask(self, call: Callable[[Any], T]) -> T:
        """The answer about one object. Where there is none, the source tells by another question
        whether that is because of the object."""
        operator = self._operator()
        try:
            return call(operator)
        except Exception as error:
            kind = type(error).__name__
            if kind == "NotFound":
                raise NotFoundError("the photo is no longer in its source") from None
            if kind in ("ConditionNotMatch", "RangeNotSatisfied") or "too little" in str(error):
                raise UnreadableError("it has changed while it was read") from None
            self._look(error)
            raise UnreadableError("its source did not hand it out") from None

    def _look(self, error: Exception) -> None:
        """LibraryError if the source as a whole does not answer."""
        if not _is_temporary(error) and _status(error) not in (401, 403):
            return
        try:
            self._operator(retries=False).check()
        except Exception as second:
            raise self._away(second) from None

    def _away(self, error: Exception) -> EdgeAppError:
        if isinstance(error, EdgeAppError):
            return error
        kind, status, text = type(error).__name__, _status(error), str(error)
        if kind == "PermissionDenied" or status in (401, 403):
            why = "it refuses these keys; look at --gallery-config or the environment"
        elif kind == "NotFound" or status == 404 or "NoSuchBucket" in text:
            why = _NOTHING
        elif kind == "ConfigInvalid":
            why = "its settings are not complete; see docs/remote.md"
        elif "dns error" in text:
            why = "its host name is not known; check the address and the network"
        elif "timeout" in text:
            why = f"it did not answer within {TIMEOUT_S:g} s"
        elif "Connect" in text:
            why = "no connection; check the address and the network"
        else:
            why = "it does not answer as it should"
        return LibraryError(f"{self.label} can't be reached: {why}")


def listed(entries: Iterable[Any], rules: Rules, label: str) -> Scan:
    """The photos among the entries of a listing."""
    found = Scan(rules=rules)
    seen: set[str] = set()
    for count, entry in enumerate(entries):
        if count >= OBJECTS:
            raise LibraryError(
                f"{label} has more than {OBJECTS:,} objects; name a folder of it with --gallery"
            )
        path, about = entry.path, entry.metadata
        if not about.is_file or not is_image_name(path.rpartition("/")[2]):
            continue
        if not is_plain(path) or path in seen or about.content_length < 0:
            found.refused.add(ascii(path)[:200])
            continue
        if rules.leaves_out(path):
            if rules.excludes(path, is_folder=False) or any(
                rules.excludes(folder, is_folder=True) for folder in folders_of(path)
            ):
                found.excluded.add(path)
            continue
        seen.add(path)
        found.files.append(
            FoundFile(path, int(about.content_length), _time_ns(about), _version(about))
        )
    found.files.sort(key=lambda file: file.path)
    return found


def is_plain(path: str) -> bool:
    """Whether a listed name is a path below the root, and can be written in one line."""
    return (
        len(path.encode(errors="replace")) <= NAME_BYTES
        and {"", ".", ".."}.isdisjoint(path.split("/"))
        and path.isprintable()
    )


def _time_ns(about: Any) -> int:
    """To the second: some services tell more in a listing than of the object."""
    return 0 if about.last_modified is None else int(about.last_modified.timestamp()) * 10**9


def _version(about: Any) -> str:
    etag = (about.etag or "").removeprefix("W/").strip('"')
    return f"{etag} {about.version}" if about.version else etag


def _status(error: Exception) -> int | None:
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def _is_temporary(error: Exception) -> bool:
    return "(temporary)" in str(error) or "(persistent)" in str(error)


class _Reader(io.RawIOBase):
    """An object as a file: each read is a request for a part of it."""

    def __init__(self, source: Remote, path: str, size_bytes: int, etag: str | None) -> None:
        self._source, self._path = source, path
        self._size_bytes, self._etag = size_bytes, etag
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size_bytes - self._at)
        if count <= 0:
            return 0
        try:
            data = self._source.read(self._path, self._at, count, self._etag)
        except EdgeAppError as error:
            raise OSError(str(error)) from None
        buffer[:count] = data
        self._at += count
        return count
