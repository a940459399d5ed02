"""An S3 and WebDAV server that lies, as a process of its own: opendal holds the interpreter while
it lists.

    python -m tests.remote.hostile KIND

prints its port, then a line for each GET request.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qs, urlsplit

NAMES = [
    "../../etc/passwd.jpg", "a//b.jpg", "/root.jpg", "./c.jpg", "d/../e.jpg", "new\nline.jpg",
    "nul\u2028.jpg", "x" * 2000 + ".jpg", "good.jpg", "Screenshot at 9.41\u202fAM.jpg",
]  # fmt: skip
PAGES = count(1)


def page(names: list[str], size: int = 5, more: str = "") -> bytes:
    entries = "".join(
        f"<Contents><Key>{escape(name)}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;e&quot;</ETag><Size>{size}</Size></Contents>"
        for name in names
    )
    token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0"?><ListBucketResult><Name>photos</Name><Prefix></Prefix>'
        f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{entries}"
        "</ListBucketResult>"
    ).encode()


def folder_page(path: str, *names: str) -> bytes:
    """What a share lists of a folder; names of folders end with a slash."""
    entries = "".join(
        f"<D:response><D:href>{path}{name}</D:href><D:propstat><D:prop>"
        f"<D:resourcetype>{'<D:collection/>' * (path + name).endswith('/')}</D:resourcetype>"
        "<D:getcontentlength>5</D:getcontentlength>"
        "<D:getlastmodified>Wed, 01 Jan 2020 00:00:00 GMT</D:getlastmodified></D:prop>"
        "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        for name in ("", *names)
    )
    return f'<D:multistatus xmlns:D="DAV:">{entries}</D:multistatus>'.encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kind = ""

    def do_GET(self) -> None:
        print(self.path, flush=True)
        if "list-type" in self.path:
            self._list("continuation-token" in parse_qs(urlsplit(self.path).query))
        else:
            self._object()

    def do_PROPFIND(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.kind == "elsewhere":
            self._send(207, folder_page("/other/", "a.jpg"))
        elif self.kind == "circle":
            self._send(207, folder_page(self.path, "again/", "a.jpg"))
        elif self.path == "/":
            self._send(207, folder_page("/", "private/", "lost/", "@eaDir/", "open/", "a.jpg"))
        elif self.path == "/lost/":
            self._send(404, b"")
        else:
            self._send(207 if self.path == "/open/" else 403, folder_page(self.path, "b.jpg"))

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def _list(self, later: bool) -> None:
        number = next(PAGES)
        if self.kind == "names":
            self._send(200, page(NAMES))
        elif self.kind == "sizes":
            self._send(200, page(["huge.jpg"], size=2**63))
        elif self.kind[0].isupper():
            self._send(400, f"<Error><Code>{self.kind}</Code></Error>".encode())
        elif self.kind == "endless":
            self._send(200, page([f"{number}-{n}.txt" for n in range(1000)], more=str(number)))
        elif self.kind == "page" and later:
            self._send(500, b"secret words of the server")
        elif self.kind == "page":
            self._send(200, page(["good.jpg"], more="2"))
        elif self.kind == "nonsense":
            self._send(200, b"<html>secret words of the server")
        elif self.kind == "redirect":
            self._send(302, b"", Location=sys.argv[2])
        else:
            self._send(200, page(["good.jpg"]))

    def _object(self) -> None:
        if self.kind == "long":
            self.send_response(200)
            self.send_header("Content-Length", str(50 << 20))
            self.end_headers()
            try:
                for _ in range(50):
                    self.wfile.write(bytes(1 << 20))
            except OSError:
                print("closed", flush=True)
        elif self.kind == "slow":
            self.send_response(200)
            self.send_header("Content-Length", str(5 << 20))
            self.end_headers()
            with suppress(OSError):
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.02)
        elif self.kind == "short":
            self._send(206, b"123")
        elif self.kind == "redirect":
            self._send(302, b"", Location=sys.argv[2])
        else:
            self._send(500, b"secret words of the server")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


if __name__ == "__main__":
    Handler.kind = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
