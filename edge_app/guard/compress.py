"""WSGI middleware: text goes out gzipped to who accepts it, and HEAD is GET without the body."""

from __future__ import annotations

import gzip
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

COMPRESSIBLE = re.compile(
    r"(text/.*|application/(json|javascript|manifest\+json)|image/svg\+xml)(;.*)?"
)
WORTH_BYTES = 256  # below, the headers weigh as much as the saving; a module of 700 becomes 400
CACHE_BYTES = 8 * 1024 * 1024  # gzipped answers that are kept
MOST_BYTES = 16 * 1024 * 1024  # held in memory twice meanwhile
LEVEL = 5  # 92 kB of this API's JSON: 13.3 kB in 1.3 ms; level 9 is 3 % smaller in 3.7 ms
SUFFIX = '-gzip"'


class Compress:
    """Compresses whole bodies; what has a strong ETag is compressed once."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.cache = BytesCache(CACHE_BYTES)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        head = environ["REQUEST_METHOD"] == "HEAD"
        if head:
            environ["REQUEST_METHOD"] = "GET"
        asked = environ.get("HTTP_IF_NONE_MATCH", "")
        if SUFFIX in asked:
            environ["HTTP_IF_NONE_MATCH"] = asked.replace(SUFFIX, '"')
        answer: list[Any] = []

        def hold(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            answer[:] = status, headers, exc_info
            return unsupported_write

        body = self.app(environ, hold)
        status, headers, exc_info = answer
        fields = {name.lower(): value for name, value in headers}
        etag = fields.get("etag", "")
        if status.startswith("304") and etag[:-1] + SUFFIX in asked:
            headers = with_header(headers, "ETag", etag[:-1] + SUFFIX)
        elif COMPRESSIBLE.fullmatch(fields.get("content-type", "")):
            headers = [*headers, ("Vary", "Accept-Encoding")]
            if should_compress(environ, status, fields):
                address = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
                data = self.compressed(body, address, etag)
                headers = with_header(headers, "Content-Length", str(len(data)))
                headers.append(("Content-Encoding", "gzip"))
                if etag:
                    headers = with_header(headers, "ETag", etag[:-1] + SUFFIX)
                body = [data]
        start_response(status, headers, exc_info)
        if head:
            close(body)
            return []
        return body

    def compressed(self, body: Iterable[bytes], address: str, etag: str) -> bytes:
        """The body gzipped, from the cache where a strong ETag says that it is the same."""
        strong = etag.startswith('"')
        key = address + etag
        data = self.cache.get(key) if strong else None
        try:
            if data is None:
                data = gzip.compress(b"".join(body), LEVEL, mtime=0)
                if strong:
                    self.cache.put(key, data)
        finally:
            close(body)
        return data


class BytesCache:
    """The latest used values, up to a number of bytes together."""

    def __init__(self, size_bytes: int) -> None:
        self.room_bytes = size_bytes
        self.values: OrderedDict[str, bytes] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self.lock:
            if key in self.values:
                self.values.move_to_end(key)
            return self.values.get(key)

    def put(self, key: str, value: bytes) -> None:
        with self.lock:
            self.room_bytes += len(self.values.pop(key, b"")) - len(value)
            self.values[key] = value
            while self.room_bytes < 0:
                self.room_bytes += len(self.values.popitem(last=False)[1])


def should_compress(environ: WSGIEnvironment, status: str, fields: Mapping[str, str]) -> bool:
    """Whether an answer with these header fields goes out gzipped: whole, asked for, worth it."""
    return (
        status.startswith("200")
        and "HTTP_RANGE" not in environ
        and "content-encoding" not in fields
        and WORTH_BYTES <= int(fields.get("content-length", 0)) <= MOST_BYTES
        and accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
    )


def accepts_gzip(header: str) -> bool:
    """Does this Accept-Encoding want gzip (RFC 9110, 12.5.3; `q=0` is a no)?"""
    for item in header.lower().split(","):
        coding, _, weight = item.partition(";")
        if coding.strip() == "gzip":
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False


def with_header(headers: list[tuple[str, str]], name: str, value: str) -> list[tuple[str, str]]:
    """`headers` with this one replaced."""
    return [pair for pair in headers if pair[0].lower() != name.lower()] + [(name, value)]


def close(body: Iterable[bytes]) -> None:
    """What PEP 3333 asks of who does not pass an app's body on."""
    if hasattr(body, "close"):
        body.close()


def unsupported_write(data: bytes) -> None:
    raise NotImplementedError("answer with an iterable; the write callable is of PEP 333's time")
