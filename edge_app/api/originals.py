"""Sends an original: whole, in part (RFC 9110 §14), or not again (§13), never all in memory."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import quote

from bottle import HTTPResponse, parse_range_header, request

from edge_app.api.views import text_of
from edge_app.config import MiB
from edge_app.errors import BusyError, LimitError
from edge_app.index.format.records import ImageRecord
from edge_app.photos.strip import without_location
from edge_app.server.refusal import refusal

STRIPPED_BYTES = 128 * MiB  # originals without location that are in memory at one time

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
}


class Stripper:
    """Takes the location out of originals, as many at one time as a number of bytes allows."""

    def __init__(self, file_bytes: int, room_bytes: int = STRIPPED_BYTES) -> None:
        self.most_bytes = min(file_bytes, room_bytes)
        self.room_bytes = room_bytes
        self.lock = threading.Lock()

    def strip(self, file: BinaryIO) -> Stripped:
        """The same image without its location, in memory until it is closed."""
        size_bytes = os.fstat(file.fileno()).st_size
        if size_bytes > self.most_bytes:
            raise LimitError(
                f"the original has {size_bytes} bytes, too many to remove its location "
                "(--file-size, and no more than 128 MiB)"
            )
        self.take(size_bytes)
        try:
            return Stripped(self, without_location(file.read(size_bytes)), size_bytes)
        except BaseException:
            self.take(-size_bytes)
            raise

    def take(self, size_bytes: int) -> None:
        with self.lock:
            if size_bytes > self.room_bytes:
                raise BusyError("too many originals are being sent at once; try again")
            self.room_bytes -= size_bytes


class Stripped(BytesIO):
    """A cleaned original; gives its room back when it is closed."""

    def __init__(self, stripper: Stripper, content: bytes, size_bytes: int) -> None:
        super().__init__(content)
        self.stripper, self.size_bytes = stripper, size_bytes

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.stripper.take(-self.size_bytes)


def send_original(
    file: BinaryIO, image: ImageRecord, *, download: bool, stripper: Stripper | None = None
) -> HTTPResponse:
    """The answer to a request for an original; closes `file` when it has been sent.

    The body is the open file itself: waitress then sends from its own loop, and no thread waits for
    a client that reads slowly.
    """
    stat = os.fstat(file.fileno())
    size = stat.st_size
    tag = f'"{image.content.hex()}-{size:x}-{stat.st_mtime_ns:x}"'
    if stripper:
        with file:
            file = stripper.strip(file)
        size, tag = file.getbuffer().nbytes, f'"{tag[1:-1]}-stripped"'
    headers = {
        "Content-Type": MEDIA_TYPES.get(image.format, "application/octet-stream"),
        "Content-Disposition": _disposition(image, download),
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": formatdate(stat.st_mtime, usegmt=True),
        "Cache-Control": "private, no-cache",
    }
    if is_known(tag, request.environ) or _is_unmodified(stat.st_mtime, request.environ):
        file.close()
        return HTTPResponse(status=304, headers=headers)
    wanted = request.environ.get("HTTP_RANGE", "")
    # A unit that we don't know, and a range that is not one, must be ignored (RFC 9110, 14.2).
    unit, _, ranges = wanted.partition("=")
    if (
        unit.lower() != "bytes"
        or _is_backward(ranges)
        or request.environ.get("HTTP_IF_RANGE", tag) != tag
    ):
        return HTTPResponse(file, headers=headers | {"Content-Length": str(size)})
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
    file.seek(start)
    return HTTPResponse(file, 206, headers)


def is_known(tag: str, environ: Mapping[str, Any]) -> bool:
    """Whether the request says that the client has this very version already."""
    # From the environment: Bottle's own look-up raises where a header is not UTF-8.
    known = environ.get("HTTP_IF_NONE_MATCH", "")
    return any(part.strip().removeprefix("W/") in (tag, "*") for part in known.split(","))


def _is_unmodified(mtime_s: float, environ: Mapping[str, Any]) -> bool:
    """Whether the client has what is as old as this; a tag, which tells more, goes before."""
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    if since is None or "HTTP_IF_NONE_MATCH" in environ:
        return False
    try:
        return int(mtime_s) <= parsedate_to_datetime(since).timestamp()
    except (ValueError, OverflowError):  # no date: ignored (RFC 9110, 13.1.3)
        return False


def _is_backward(ranges: str) -> bool:
    """Whether a range ends before it begins, which makes the header as if it were not there."""
    pairs = re.findall(r"(?<![0-9-])([0-9]{1,18})-([0-9]{1,18})(?![0-9])", ranges)
    return any(int(first) > int(last) for first, last in pairs)


def _disposition(image: ImageRecord, download: bool) -> str:
    kind = "attachment" if download else "inline"
    return f"{kind}; filename*=UTF-8''{quote(text_of(image.name), safe='')}"
