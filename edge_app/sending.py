"""Sends an original: whole, in part (RFC 9110 §14), or not again (§13), never all in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from email.utils import formatdate
from io import BytesIO
from typing import BinaryIO
from urllib.parse import quote

from bottle import HTTPResponse, parse_range_header, request

from edge_app.jsonview import text_of
from edge_app.location import without_location
from edge_app.records import ImageRecord

BLOCK_BYTES = 64 * 1024

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
}


def send_original(
    file: BinaryIO, image: ImageRecord, *, download: bool, strip_location: bool = False
) -> HTTPResponse:
    """The answer to a request for an original; closes `file` when it has been sent."""
    stat = os.fstat(file.fileno())
    size = stat.st_size
    tag = f'"{image.content.hex()}-{size:x}-{stat.st_mtime_ns:x}"'
    if strip_location:
        with file:
            cleaned = without_location(file.read())
        file, size, tag = BytesIO(cleaned), len(cleaned), f'"{tag[1:-1]}-stripped"'
    headers = {
        "Content-Type": MEDIA_TYPES.get(image.format, "application/octet-stream"),
        "Content-Disposition": _disposition(image, download),
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": formatdate(stat.st_mtime, usegmt=True),
        "Cache-Control": "private, no-cache",
    }
    if is_known(tag):
        file.close()
        return HTTPResponse(status=304, headers=headers)
    wanted = request.get_header("Range")
    if not wanted or request.get_header("If-Range", tag) != tag:
        return HTTPResponse(_Blocks(file, 0, size), headers=headers | {"Content-Length": str(size)})
    # Several ranges at once are answered with the first: allowed, and nobody asks for them.
    first = next(parse_range_header(wanted, size), None)
    if first is None:
        file.close()
        return HTTPResponse("", 416, headers | {"Content-Range": f"bytes */{size}"})
    start, end = first
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    return HTTPResponse(_Blocks(file, start, end), 206, headers)


def is_known(tag: str) -> bool:
    """Whether the request says that the client has this very version already."""
    known = request.get_header("If-None-Match", "")
    return any(part.strip().removeprefix("W/") in (tag, "*") for part in known.split(","))


def _disposition(image: ImageRecord, download: bool) -> str:
    kind = "attachment" if download else "inline"
    return f"{kind}; filename*=UTF-8''{quote(text_of(image.name), safe='')}"


class _Blocks:
    """The bytes start…end of a file, closed by the server when the answer is over."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self._start, self._end = file, start, end

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._start)
        left = self._end - self._start
        while left > 0:
            block = self._file.read(min(BLOCK_BYTES, left))
            if not block:
                return  # the file has shrunk; the client sees that the answer is short
            left -= len(block)
            yield block

    def close(self) -> None:
        self._file.close()
