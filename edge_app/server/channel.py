"""One connection over waitress's channel: what it is doing, since when, and how long it may."""

from __future__ import annotations

import contextlib
import socket
import time
from http import HTTPStatus
from typing import Any, Protocol

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel

from edge_app.server.bounds import Bounds
from edge_app.server.clients import network_of
from edge_app.server.eventloop import EventLoop
from edge_app.server.request import Ahead, AppTask, Refusal, RefusalTask, Request

FRESH_S = 0.25  # a new connection has so long to send a request before others rank above it


class Server(Protocol):
    """What a connection asks of the server it belongs to."""

    bounds: Bounds
    loop: EventLoop

    trigger: Any

    def add_task(self, channel: Channel) -> None: ...
    def admits_upload(self, newcomer: Channel) -> bool: ...


class Channel(HTTPChannel):  # type: ignore[misc]
    """A client's connection; the server closes the one that ranks lowest when it is full."""

    task_class = AppTask
    error_task_class = RefusalTask
    request: Request | Ahead | None
    close_when_flushed: bool
    answered = False
    refused = False
    owed_bytes = 0  # of the last answer, that were still to be sent when it was ready
    linger_until: float | None = None
    lingered_bytes = 0

    def __init__(self, server: Server, *args: Any, **kwargs: Any) -> None:
        self.bounds = server.bounds
        self.idle_since = time.monotonic()
        super().__init__(server, *args, **kwargs)
        self.network = network_of(self.addr[0])

    def parser_class(self, adj: Adjustments) -> Request | Ahead:
        # waitress also makes one for the answer to a request that failed.
        if self.requests and not self.server.loop.works_for(self):
            return Ahead()
        return Request(adj, self.bounds, lambda: self.server.admits_upload(self))

    @property
    def uploading(self) -> bool:
        return any(request.is_upload for request in (self.request, *self.requests) if request)

    @property
    def working_since(self) -> float:
        """When the request began to come that is being answered."""
        return self.requests[0].started if self.requests else self.idle_since

    @property
    def busy(self) -> bool:
        """A request is being answered, or its body is on the way."""
        return bool(
            self.requests
            or self.total_outbufs_len
            or (self.request is not None and self.request.headers_finished)
        )

    def service(self) -> None:
        """Answer the request that has been read; called by a thread, or in the loop."""
        self.refused = self.requests[0].error is not None
        with self.server.loop.on_behalf_of(self):
            super().service()
            self.idle_since = time.monotonic()
            self.owed_bytes = self.total_outbufs_len
            self.answered = True
            self.server.loop.soon(self.read_ahead, self.server.trigger)

    def send_rest(self) -> None:
        """Send what waits for more to go with it; while its request is under way, or the loop would
        do so too."""
        with self.outbuf_lock:
            if self.connected and 0 < self.total_outbufs_len < self.adj.send_bytes:
                self._flush_exception(self._flush_some, do_close=False)

    def refuse(self, refusal: Refusal) -> None:
        """Answer the request that is half here, then close."""
        with self.requests_lock:
            request, self.request = self.request, None
            if not isinstance(request, Request):
                return
            request.error, request.completed = refusal, True
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def check_deadlines(self, now: float) -> None:
        """Close the connection, or refuse its request, if it takes too long by `time.monotonic`."""
        if self.linger_until is not None:
            overdue = now > self.linger_until
        elif self.total_outbufs_len:
            rate_s = self.owed_bytes / self.bounds.send_bytes_per_s
            overdue = (
                time.time() - self.last_activity > self.bounds.send_s
                or now - self.idle_since > self.bounds.send_s + rate_s
                or (self.request is not None and now > self.request.deadline)
            )
        elif self.requests:
            overdue = False  # waiting for us, not we for it
        elif self.request is not None:
            overdue = False
            if now > self.request.deadline:
                self.refuse(Refusal(HTTPStatus.REQUEST_TIMEOUT, "The request took too long."))
        else:
            overdue = now - self.idle_since > self.bounds.idle_s
        if overdue:
            self.handle_close()

    def rank(self, now: float) -> tuple[int, float] | None:
        """Who goes first when the server is full: the lowest; None must stay."""
        if self.linger_until is not None:
            return 0, self.linger_until
        if self.uploading or self.requests:
            return None
        if self.total_outbufs_len:  # a slow reader of an answer that is ready
            return 4, self.idle_since
        if self.request is not None:  # headers are dripping in
            return (1 if now - self.request.started > FRESH_S else 3), self.request.started
        if not self.answered:
            return (1 if now - self.idle_since > FRESH_S else 3), self.idle_since
        return 2, self.idle_since  # kept alive between two requests

    # A client may send its next requests before it reads an answer. They wait until it has: no
    # thread waits for it, and no more than one answer does.

    def read_ahead(self) -> None:
        """Read the next request of those sent ahead, if nothing is under way; in the loop."""
        ahead = self.request
        if isinstance(ahead, Ahead) and not self.requests and not self.total_outbufs_len:
            self.request = None
            self.received(bytes(ahead.data))
            self.server.loop.ask_again(self)

    def send(self, data: bytes, do_close: bool = True) -> int:
        if not data:  # or waitress would ask for it for ever
            raise OSError("an original became shorter while it was being sent")
        try:
            return int(super().send(data, do_close))
        except AttributeError:  # the loop has closed it while a thread wrote the answer
            raise OSError("the connection was closed") from None

    # A refused client may still be sending. Closing then would reset the connection and throw
    # away the answer, so: send it, say that no more comes, and drop what arrives for a while.

    def handle_write(self) -> None:
        if not (self.refused and self.close_when_flushed):
            super().handle_write()
            self.read_ahead()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif self.connected and not self.total_outbufs_len:
            self.close_when_flushed = False
            self.linger_until = time.monotonic() + self.bounds.linger_s
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)

    def readable(self) -> bool:
        if self.linger_until is not None:
            return True
        # The end of what is sent closes the connection: not before the last answer.
        return not isinstance(self.request, Ahead) and bool(super().readable())

    def handle_read(self) -> None:
        if self.linger_until is None:
            super().handle_read()
            return
        self.lingered_bytes += len(self.recv(self.adj.recv_bytes))
        if self.lingered_bytes > self.bounds.linger_bytes:
            self.handle_close()
