"""A guarded server on a free port of loopback, for tests over real sockets."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edge_app.api import pace
from edge_app.api.monitor import HEALTH
from edge_app.config import Config
from edge_app.guard import serve as guard
from edge_app.server.bounds import Bounds
from tools.testing.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The code of an answer in the API's error shape."""
        error = self.json["error"]
        assert set(error) == {"code", "message"}
        assert error["message"]
        return str(error["code"])


@dataclass(frozen=True)
class Site:
    """A running server."""

    host: str
    port: int
    thread: threading.Thread
    stop: threading.Event

    def ask(
        self,
        path: str = "/",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            return read_answer(connection.getresponse())
        finally:
            connection.close()

    def post(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A POST as our page sends it."""
        ours = {"X-Lookalike": "1", "Content-Type": "application/json"}
        return self.ask(path, "POST", ours | dict(headers or {}), body)

    def connect(self, source: str = "") -> socket.socket:
        """A connection, from this address of the device if one is named."""
        return socket.create_connection((self.host, self.port), PATIENCE_S, (source, 0))

    def wait_until_read(self) -> None:
        """Until the server has accepted every connection and read all that was sent to it."""
        until(lambda: not any(unread for _, unread in self._sockets()))

    def wait_until_closed(self) -> None:
        """Until the server has closed every connection, whatever it could still send before."""
        until(lambda: self.open_connections() == 0)

    def open_connections(self) -> int:
        """How many connections neither side has closed."""
        return sum(state == "01" for state, _ in self._sockets())

    def _sockets(self) -> list[tuple[str, bool]]:
        """The state of each of the server's sockets, "01" when open, and whether anything waits
        there to be read or accepted (proc_net_tcp(5))."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        mine = [line for line in lines if int(line[1].split(":")[1], 16) == self.port]
        return [(line[3], int(line[4].split(":")[1], 16) > 0) for line in mine]

    def send(self, data: bytes) -> bytes:
        """Raw bytes on a connection of their own, and all that comes back until it is closed."""
        with self.connect() as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65536), b""))
            except ConnectionError:
                return b""


def read_answer(response: http.client.HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def parse_answer(connection: socket.socket, method: str = "GET") -> Answer:
    """The next answer on a raw connection."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return read_answer(response)


@contextmanager
def serving(
    app: WSGIApplication,
    config: Config | None = None,
    on_ready: Callable[[list[str]], None] = lambda urls: None,
    bounds: Bounds | None = None,
) -> Iterator[Site]:
    """`app` behind the guard; stopped and joined at the end."""
    config = config or Config(port=0)
    ready: list[str] = []
    listening, stop = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def note(urls: list[str]) -> None:
        ready.extend(urls)
        on_ready(urls)
        listening.set()

    def run() -> None:
        try:
            guard.serve(app, config, note, stop, {HEALTH}, pace, bounds)
        except BaseException as error:
            failures.append(error)
            listening.set()

    thread = threading.Thread(target=run)
    thread.start()
    listening.wait(PATIENCE_S)
    if failures:
        raise failures[0]
    url = urlsplit(ready[0])
    assert url.hostname
    assert url.port
    site = Site(url.hostname, url.port, thread, stop)
    try:
        yield site
    finally:
        stop.set()
        with suppress(OSError):
            site.connect().close()  # wakes the loop
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the server did not stop"


def answering(
    body: bytes, content_type: str = "text/plain", *more: tuple[str, str]
) -> WSGIApplication:
    """An app with one answer for everything."""
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body))), *more]

    def app(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", list(headers))
        return [body]

    return app


def echoing(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
    """An app that tells what reached it."""
    told: dict[str, Any] = {key: text for key, text in environ.items() if isinstance(text, str)}
    told["body_bytes"] = len(environ["wsgi.input"].read())
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
