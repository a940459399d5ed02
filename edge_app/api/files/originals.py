"""Sends an original: whole, in part (RFC 9110 §14), or not again (§13), never all in memory."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import quote

from bottle import HTTPResponse, parse_range_header, request

from edge_app.api.caching import is_another, is_known, is_unmodified
from edge_app.api.files.streams import Stream
from edge_app.api.types.views import text_of
from edge_app.config import MiB
from edge_app.errors import BusyError, LimitError
from edge_app.index.format.records import ImageRecord
from edge_app.library.originals import fingerprint
from edge_app.library.source import Original
from edge_app.photos.stripping.pieces import Spliced, Version
from edge_app.photos.stripping.strip import parts_without_location, without_location
from edge_app.server.refusal import refusal

STRIPPED_BYTES = 128 * MiB  # the largest original whose location is removed, in memory
STRIPPED_KNOWN = 64  # originals of which it is known what to leave out: parts are asked for often
STRIP_WAIT_S = 5.0  # for one's turn

# From the catalogue, which has it from the file's bytes; a name's suffix may lie.
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "HEIF": "image/heif",
    "AVIF": "image/avif",
    "JXL": "image/jxl",
    "DNG": "image/x-adobe-dng",
}
OTHER = "application/octet-stream"
_LATEST_S = 253_402_300_799  # the end of the year 9999: some file systems know later times

ONE_RANGE = "[ \t]*(?:[0-9]{1,20}-[0-9]{0,20}|-[0-9]{1,20})[ \t]*"  # up to 2**64 - 1
RANGES = re.compile(f"bytes=({ONE_RANGE}(?:,{ONE_RANGE})*)", re.IGNORECASE)


class Stripper:
    """Takes the location out of originals. One at a time is looked at, in memory; what is sent is
    read from the file again, so that no client can hold memory by reading slowly."""

    def __init__(self, file_bytes: int) -> None:
        self.most_bytes = min(file_bytes, STRIPPED_BYTES)
        self._turn = threading.Lock()
        self._known: OrderedDict[Version, list[range | bytes]] = OrderedDict()

    def strip_remote(self, original: Original) -> Cleaned:
        """The same of an original of another machine: one at a time is in memory to be looked at,
        and as many as there are streams while they are sent."""
        self._check(original.size_bytes)
        with self._taking_turns(), original:
            return Cleaned(without_location(original.file.read(original.size_bytes)))

    def strip(self, file: BinaryIO) -> Spliced:
        """The same image without its location."""
        version = Version.of(file)
        self._check(version.size_bytes)
        with self._taking_turns():
            if version not in self._known:
                pieces = parts_without_location(file.read(version.size_bytes))
                self._known[version] = pieces.parts
            self._known.move_to_end(version)
            if len(self._known) > STRIPPED_KNOWN:
                self._known.popitem(last=False)
            return Spliced(file, self._known[version], version)

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self.most_bytes:
            raise LimitError(
                f"the original has {size_bytes} bytes, too many to remove its location "
                f"(--file-size, and no more than {STRIPPED_BYTES // MiB} MiB)"
            )

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=STRIP_WAIT_S):
            raise BusyError("too many originals are being opened at once; try again")
        try:
            yield
        finally:
            self._turn.release()


class Cleaned(BytesIO):
    """An original of another machine without its location, in memory; few are sent at a time."""

    @property
    def size_bytes(self) -> int:
        return self.getbuffer().nbytes


@dataclass(frozen=True, slots=True)
class Sent:
    """What is told of a file beside its bytes."""

    name: str
    media_type: str
    content: str  # in its tag: another text for other bytes, as far as the index knows

    @classmethod
    def of(cls, image: ImageRecord) -> Sent:
        media_type = MEDIA_TYPES.get(image.format, OTHER)
        return cls(image.name, media_type, image.content.hex())

    @classmethod
    def raw(cls, path: str) -> Sent:
        """A RAW file beside its picture, of which the index knows only the name."""
        return cls(path.rpartition("/")[2], OTHER, "raw")


def send_original(
    original: Original, sent: Sent, *, download: bool, stripper: Stripper | None = None
) -> HTTPResponse:
    """The answer to a request for an original; closes it when it has been sent.

    The body is the open file itself: waitress then sends from its own loop, and no thread waits for
    a client that reads slowly. That of another machine is a `Stream`.
    """
    file: BinaryIO | Spliced | Cleaned = original.file
    size = original.size_bytes
    # Of the bytes that are sent: what the catalogue knows may be older, and a program that edits
    # may leave size and time as they were.
    changed_s = max(original.mtime_ns, original.changed_ns) / 1e9
    facts = f"{size:x}-{original.mtime_ns:x}-{original.version}"
    tag = f'"{sent.content}-{fingerprint(facts.encode()).hex()}"'
    if stripper:
        tag = f'"{tag[1:-1]}-stripped"'
    headers = {
        "Content-Type": sent.media_type,
        "Content-Disposition": _disposition(sent.name, download),
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": formatdate(min(max(changed_s, 0), _LATEST_S), usegmt=True),
        "Cache-Control": "private, no-cache",
    }
    if is_another(tag, changed_s, request.environ):
        file.close()
        error, body = refusal(412, "the original is another version now", [("ETag", tag)])
        return HTTPResponse(body, 412, error)
    if is_known(tag, request.environ) or is_unmodified(changed_s, request.environ):
        file.close()
        return HTTPResponse(status=304, headers=headers)
    if stripper:
        try:
            file, size = _stripped(stripper, original)
        except BaseException:
            original.file.close()
            raise
    ranges = _ranges(tag, request.environ)
    if ranges is None:
        headers["Content-Length"] = str(size)
        return HTTPResponse(_body(original, file, 0, size), headers=headers)
    # Several ranges at once are answered with the first: allowed, and nobody asks for them.
    first = next(parse_range_header(f"bytes={ranges}", size), None)
    if first is None:
        file.close()
        error, body = refusal(
            416, f"the file has {size} bytes", [("Content-Range", f"bytes */{size}")]
        )
        return HTTPResponse(body, 416, error)
    start, end = first
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    return HTTPResponse(_body(original, file, start, end - start), 206, headers)


def _stripped(stripper: Stripper, original: Original) -> tuple[Spliced | Cleaned, int]:
    stripped = (
        stripper.strip(original.file) if original.is_here else stripper.strip_remote(original)
    )
    return stripped, stripped.size_bytes


def _body(original: Original, file: Any, start: int, size_bytes: int) -> Any:
    """The file itself where the event loop can read it, else a stream that a thread reads."""
    if not original.is_here:
        return Stream(file, start, size_bytes)
    file.seek(start)
    return file


def _ranges(tag: str, environ: Mapping[str, Any]) -> str | None:
    """What a request for parts of this version asks for; None where it is to get all. A unit that
    we don't know, and a range that is not one, must be ignored (RFC 9110, 14.2)."""
    wanted = RANGES.fullmatch(environ.get("HTTP_RANGE", ""))
    if wanted is None or _is_backward(wanted[1]) or environ.get("HTTP_IF_RANGE", tag) != tag:
        return None
    return wanted[1]


def _is_backward(ranges: str) -> bool:
    """Whether a range ends before it begins, which makes the header as if it were not there."""
    pairs = re.findall("([0-9]+)-([0-9]+)", ranges)
    return any(int(first) > int(last) for first, last in pairs)


def _disposition(name: str, download: bool) -> str:
    kind = "attachment" if download else "inline"
    return f"{kind}; filename*=UTF-8''{quote(text_of(name), safe='')}"
