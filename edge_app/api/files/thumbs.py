"""Thumbnails, answered before Bottle and without a thread: they are most of all requests, and
either of these takes longer than reading one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from edge_app.api.caching import cache_control, is_known
from edge_app.errors import EdgeAppError
from edge_app.index.read.reader import Reader
from edge_app.server.refusal import refuse

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PATH = re.compile(r"/thumbs/([0-9]{1,18})")  # what SQLite can hold


def is_thumbnail(path: str) -> bool:
    """Is this where `Thumbnails` answers, in less than a millisecond from the page cache?"""
    return PATH.fullmatch(path) is not None


class Thumbnails:
    """WSGI middleware: answers for /thumbs/ID, passes everything else on to `app`."""

    def __init__(self, app: WSGIApplication, reader: Reader) -> None:
        self.app = app
        self.reader = reader

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        named = PATH.fullmatch(environ["PATH_INFO"])
        if named is None:
            return self.app(environ, start_response)
        if environ["REQUEST_METHOD"] != "GET":
            allowed = [("Allow", "GET, HEAD")]
            return refuse(start_response, 405, "Thumbnails support GET and HEAD only.", allowed)
        try:
            data, crc = self.reader.thumbnail(int(named[1]))
        except EdgeAppError as error:
            return refuse(start_response, error.status, str(error), code=error.code)
        version = f"{crc:08x}"
        tag = f'"{version}"'
        immutable = environ.get("QUERY_STRING") == f"v={version}"
        headers = [
            ("Content-Type", "image/jpeg"),
            ("ETag", tag),
            ("Cache-Control", cache_control(immutable=immutable)),
        ]
        if is_known(tag, environ):
            start_response("304 Not Modified", headers)
            return []
        start_response("200 OK", [*headers, ("Content-Length", str(len(data)))])
        return [data]
