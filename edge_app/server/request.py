"""One HTTP request on its way in and the answer on its way out, over waitress's parser and tasks.

What waitress 3.0.2 leaves open: a body that is too large and announced by `Expect: 100-continue` is
read all the same, and without a body such a request is never answered; the line before a chunk may
be endless; every kind of body has one limit; headers that a proxy may understand otherwise pass.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask

from edge_app.config import MiB
from edge_app.server.bounds import Bounds
from edge_app.server.refusal import refusal, status_line

CHUNK_LINE_BYTES = 1024  # size and extensions of one chunk
FOLDED = re.compile(rb"\n[ \t]")  # a line of a header that goes on (RFC 9112, 5.2)
CODINGS = re.compile(rb"^transfer-encoding:[ \t]*(.*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Refusal(NamedTuple):
    """Why a request does not reach the app; waitress's own errors have these names too."""

    code: int
    body: str  # the one line that the client reads


class RefusalTask(ErrorTask):  # type: ignore[misc]
    """Answers a request that never reaches the app."""

    def execute(self) -> None:
        error = self.request.error
        self.status = status_line(error.code)
        self.response_headers, body = refusal(
            error.code, error.body, [("X-Content-Type-Options", "nosniff")]
        )
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class AppTask(WSGITask):  # type: ignore[misc]
    """Answers a request through the app."""

    def build_response_header(self) -> bytes:
        header: bytes = super().build_response_header()
        if self.request.command == "HEAD":
            self.chunked_response = False  # or waitress would end the body that isn't there
        self.request.is_upload = False  # whoever has the answer may send the next one at once
        return header

    def finish(self) -> None:
        super().finish()
        # A small answer would wait for a turn of the loop, which waits for Python: beside threads
        # that search, 15 ms of the 30 that /healthz took.
        self.channel.send_rest()


class Ahead:
    """Bytes that a client has sent before it has the answer to its last request.

    waitress would read hundreds of requests in one go, and all other clients would wait: these
    are read one at a time, each when the one before has been answered.
    """

    completed = headers_finished = expect_continue = is_upload = False
    deadline = math.inf

    def __init__(self) -> None:
        self.data = bytearray()
        self.started = time.monotonic()

    def received(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def close(self) -> None:
        self.data.clear()


class Request(HTTPRequestParser):  # type: ignore[misc]
    """One request on its way in; it is judged by its headers before any of its body is kept."""

    error: Refusal | None
    path: str
    is_upload = False
    judged = False

    def __init__(self, adj: Adjustments, bounds: Bounds, admit: Callable[[], bool]) -> None:
        super().__init__(adj)
        self.bounds = bounds
        self.admit = admit  # is there room for one more upload?
        self.started = time.monotonic()

    def close(self) -> None:
        # Somebody may still read the body where it lies: it goes with them.
        with suppress(BufferError):
            super().close()

    @property
    def deadline(self) -> float:
        """When the rest must be here; grows with the body, so that it bounds a rate."""
        bounds = self.bounds
        received: int = self.body_bytes_received
        return self.started + bounds.header_s + received / bounds.body_bytes_per_s

    def parse_header(self, header_plus: bytes) -> None:
        if FOLDED.search(header_plus):
            raise ParsingError("A header has more than one line.")
        try:
            super().parse_header(header_plus)
        except ValueError:  # of Python: an address such as http://[, a length of 5,000 digits
            raise ParsingError("The header can't be read.") from None
        codings = CODINGS.findall(header_plus)
        if codings and [coding.lower() for coding in codings] != [b"chunked"]:
            raise ParsingError("The only Transfer-Encoding is chunked, named once.")
        self.path = plain_path(self.path)

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.headers_finished and self.error is None:
            if self.body_rcv is None:
                self.expect_continue = False  # or waitress would wait for what never comes
            if not self.judged:
                self.judged = True
                self.error = self._fault_of_headers()
            if self.error is None and self.body_rcv is not None:
                self.error = self._fault_of_body()
        if self.error is not None:
            self.completed = True
            self.is_upload = False
            self.expect_continue = False  # or waitress would invite the body it has refused
            self.close()
        return consumed

    def _fault_of_headers(self) -> Refusal | None:
        if self.version not in ("1.0", "1.1"):
            return Refusal(
                HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server supports HTTP/1.1 only."
            )
        # Two lengths, or one that HTTP/1.0 doesn't know: a proxy may read it otherwise than we do.
        if "TRANSFER_ENCODING" in self.headers or (
            self.chunked and "CONTENT_LENGTH" in self.headers
        ):
            return Refusal(
                HTTPStatus.BAD_REQUEST, "Send either Content-Length or chunks, not both."
            )
        if self.body_rcv is None:
            return None
        bounds = self.bounds
        self.body_limit_bytes = bounds.body_bytes
        if self.headers.get("CONTENT_TYPE", "").lower().startswith("multipart/form-data"):
            self.is_upload = True
            self.body_limit_bytes = (
                bounds.upload_unsized_bytes if self.chunked else bounds.upload_bytes
            )
            if not self.admit():
                return Refusal(
                    HTTPStatus.SERVICE_UNAVAILABLE, "Too many uploads at once; try again."
                )
        return None

    def _fault_of_body(self) -> Refusal | None:
        coming = self.body_rcv.chunk_remainder if self.chunked else 0
        if max(self.content_length, self.body_bytes_received + coming) > self.body_limit_bytes:
            what = f"The body is over the limit of {self.body_limit_bytes} bytes."
            if self.is_upload and not self.chunked:  # as a browser sends a photo
                what = (
                    f"The photo has {self.content_length / MiB:.1f} MiB, over the limit of "
                    f"{self.body_limit_bytes / MiB:g} (--upload-size)."
                )
            return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, what)
        if self.chunked and (
            len(self.body_rcv.control_line) > CHUNK_LINE_BYTES
            or len(self.body_rcv.trailer) > self.bounds.header_bytes
        ):
            return Refusal(HTTPStatus.BAD_REQUEST, "A chunk's header or trailer is too long.")
        return None


def plain_path(path: str) -> str:
    """A path, unquoted, as everything behind here reads it; ParsingError if it is no text.

    Or the server would take for quick, or the policy for harmless, what the routes find to be
    another: they pass over slashes at the beginning and bytes that are not UTF-8.
    """
    try:
        text = path.encode("latin-1").decode()  # as bytes are in WSGI
    except UnicodeDecodeError:
        raise ParsingError("The path is not UTF-8.") from None
    if CONTROL.search(text):
        raise ParsingError("The path has control characters.")
    return "/" + path.lstrip("/") if path.startswith("/") else path
