"""waitress, with the deadlines and caps it lacks: no client can hold the server by being slow.

Measured with waitress 3.0.2 as it comes: 99 connections that send a byte now and then stop all
service, since every byte restarts its time-out and a full server accepts nobody; bodies over 512
KiB and answers over 1 MiB go to a temporary file; the line before a chunk may be endless; and a
body that is too large and announced by `Expect: 100-continue` is read all the same.

Here a request has one deadline however its bytes drip in, a full server closes the connection
that does least, bodies stay in memory within a limit, and every refusal is an answer with the
API's error shape, made by a thread of its own so that it comes even when all others are busy.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, NamedTuple

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask

from edge_app.config import Limits
from edge_app.refusal import refusal, status_line

log = logging.getLogger(__name__)

LOOP_S = 0.25  # how often the loop wakes by itself; deadlines are this exact at best
FRESH_S = 0.25  # a new connection has so long to send a request before others rank above it
ACCEPTS = 16  # per turn of the loop, so that those accepted are read before they are evicted
CHUNK_LINE_BYTES = 1024  # size and extensions of one chunk


class Refusal(NamedTuple):
    """Why a request gets no further than the server; waitress's own errors have these names too."""

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
        return header


class Request(HTTPRequestParser):  # type: ignore[misc]
    """One request on its way in; it is judged by its headers before any of its body is kept."""

    error: Refusal | None
    is_upload = False
    judged = False

    def __init__(self, adj: Adjustments, limits: Limits, admit: Callable[[], bool]) -> None:
        super().__init__(adj)
        self.limits = limits
        self.admit = admit  # is there room for one more upload?
        self.started = time.monotonic()

    @property
    def deadline(self) -> float:
        """When the rest must be here; grows with the body, so that it bounds a rate."""
        limits = self.limits
        received: int = self.body_bytes_received
        return self.started + limits.header_s + received / limits.body_bytes_per_s

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.headers_finished and self.error is None:
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
            return Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server speaks HTTP/1.1.")
        # Two lengths, or one that HTTP/1.0 doesn't know: a proxy may read it otherwise than we do.
        if "TRANSFER_ENCODING" in self.headers or (
            self.chunked and "CONTENT_LENGTH" in self.headers
        ):
            return Refusal(HTTPStatus.BAD_REQUEST, "Content-Length or chunks, not both.")
        if self.body_rcv is None:
            return None
        limits = self.limits
        self.body_limit_bytes = limits.body_bytes
        if self.headers.get("CONTENT_TYPE", "").lower().startswith("multipart/form-data"):
            self.is_upload = True
            self.body_limit_bytes = (
                limits.upload_unsized_bytes if self.chunked else limits.upload_bytes
            )
            if not self.admit():
                return Refusal(
                    HTTPStatus.SERVICE_UNAVAILABLE, "Too many uploads at once; try again."
                )
        return None

    def _fault_of_body(self) -> Refusal | None:
        if max(self.content_length, self.body_bytes_received) > self.body_limit_bytes:
            return Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The body is over the limit of {self.body_limit_bytes} bytes.",
            )
        if self.chunked and (
            len(self.body_rcv.control_line) > CHUNK_LINE_BYTES
            or len(self.body_rcv.trailer) > self.limits.header_bytes
        ):
            return Refusal(HTTPStatus.BAD_REQUEST, "A chunk's header or trailer is too long.")
        return None


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection: what it is doing, since when, and how long it may."""

    task_class = AppTask
    error_task_class = RefusalTask
    request: Request | None
    close_when_flushed: bool
    answered = False
    refused = False
    linger_until: float | None = None
    lingered_bytes = 0

    def __init__(self, server: Server, *args: Any, **kwargs: Any) -> None:
        self.limits = server.limits
        self.idle_since = time.monotonic()
        super().__init__(server, *args, **kwargs)

    def parser_class(self, adj: Adjustments) -> Request:
        return Request(adj, self.limits, lambda: self.server.admits_upload(self))

    @property
    def uploading(self) -> bool:
        return any(request.is_upload for request in (self.request, *self.requests) if request)

    @property
    def busy(self) -> bool:
        """A request is being answered, or its body is on the way."""
        return bool(
            self.requests
            or self.total_outbufs_len
            or (self.request is not None and self.request.headers_finished)
        )

    def service(self) -> None:
        self.refused = self.requests[0].error is not None
        super().service()
        self.idle_since = time.monotonic()
        self.answered = True

    def refuse(self, refusal: Refusal) -> None:
        """Answer the request that is half here, then close."""
        with self.requests_lock:
            request, self.request = self.request, None
            if request is None:
                return
            request.error, request.completed = refusal, True
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def check_deadlines(self, now: float) -> None:
        if self.linger_until is not None:
            overdue = now > self.linger_until
        elif self.total_outbufs_len:
            overdue = time.time() - self.last_activity > self.limits.send_s
        elif self.requests:
            overdue = False  # waiting for us, not we for it
        elif self.request is not None:
            overdue = False
            if now > self.request.deadline:
                self.refuse(Refusal(HTTPStatus.REQUEST_TIMEOUT, "The request took too long."))
        else:
            overdue = now - self.idle_since > self.limits.idle_s
        if overdue:
            self.handle_close()

    def rank(self, now: float) -> tuple[int, float] | None:
        """Who goes first when the server is full: the lowest; None must stay."""
        if self.linger_until is not None:
            return 0, self.linger_until
        if self.requests or self.uploading:
            return None
        if self.total_outbufs_len:  # a slow reader of an answer that is ready
            return 4, self.idle_since
        if self.request is not None:  # headers are dripping in
            return (1 if now - self.request.started > FRESH_S else 3), self.request.started
        if not self.answered:
            return (1 if now - self.idle_since > FRESH_S else 3), self.idle_since
        return 2, self.idle_since  # kept alive between two requests

    # A refused client may still be sending. Closing then would reset the connection and throw
    # away the answer, so: send it, say that no more comes, and drop what arrives for a while.

    def handle_write(self) -> None:
        if not (self.refused and self.close_when_flushed):
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.connected and not self.total_outbufs_len:
            self.close_when_flushed = False
            self.linger_until = time.monotonic() + self.limits.linger_s
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)

    def readable(self) -> bool:
        return self.linger_until is not None or super().readable()

    def handle_read(self) -> None:
        if self.linger_until is None:
            super().handle_read()
            return
        self.lingered_bytes += len(self.recv(self.adj.recv_bytes))
        if self.lingered_bytes > self.limits.linger_bytes:
            self.handle_close()


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Serves a WSGI app on one listening socket until told to stop."""

    channel_class = Channel

    def __init__(
        self,
        app: Any,
        listener: socket.socket,
        limits: Limits,
        trusted_proxy: str | None = None,
    ) -> None:
        """From the address `trusted_proxy` X-Forwarded-* are believed; else they are removed."""
        self.limits = limits
        self.trusted_proxy = trusted_proxy
        forwarded = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
        adj = Adjustments(
            sockets=[listener],
            threads=limits.server_threads,
            ident="",
            trusted_proxy=trusted_proxy,
            trusted_proxy_headers=forwarded if trusted_proxy else set(),
            max_request_header_size=limits.header_bytes,
            max_request_body_size=1 << 60,  # ours depends on the kind of body
            # Over these waitress would write to a temporary file.
            inbuf_overflow=2 * limits.upload_bytes,
            outbuf_overflow=1 << 40,
            # A thread that streams waits while its client is behind by this much.
            outbuf_high_watermark=1024 * 1024,
            recv_bytes=32 * 1024,
            cleanup_interval=1,
            connection_limit=1 << 30,  # ours closes one instead of accepting none
            log_socket_errors=False,
        )
        self._refusals = ThreadedTaskDispatcher()
        self._refusals.set_thread_count(1)
        super().__init__(
            app,
            _sock=listener,
            adj=adj,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            bind_socket=False,
        )

    def run_until(self, stop: threading.Event) -> None:
        """Serve until `stop` is set, then finish what is under way within `limits.drain_s`."""
        while not stop.is_set():
            wasyncore.poll2(LOOP_S, self._map)
        self.del_channel()
        self.socket.close()
        deadline = time.monotonic() + self.limits.drain_s
        while self._close_idle() and time.monotonic() < deadline:
            wasyncore.poll2(LOOP_S, self._map)
        self._refusals.shutdown(timeout=0.1)
        left = max(0.1, deadline - time.monotonic())
        self.task_dispatcher.shutdown(timeout=left)
        for channel in list(self.active_channels.values()):
            channel.handle_close()
        if not self.task_dispatcher.threads:  # or a late one would write to a stranger's descriptor
            self.trigger.close()

    def _close_idle(self) -> int:
        """Close connections without a request; how many are left."""
        for channel in list(self.active_channels.values()):
            if not channel.busy and not channel.will_close:
                channel.handle_close()
        return len(self.active_channels)

    def add_task(self, channel: Channel) -> None:
        request = channel.requests[0]
        if request.error is None and (
            len(self.task_dispatcher.queue) >= self.limits.queued_requests
        ):
            request.error = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Too busy; try again.")
        (self._refusals if request.error else self.task_dispatcher).add_task(channel)

    def admits_upload(self, newcomer: Channel) -> bool:
        others = [
            channel
            for channel in self.active_channels.values()
            if channel is not newcomer and channel.uploading
        ]
        address = newcomer.addr[0]
        return len(others) < self.limits.uploads and (
            self._is_crowded(address)
            or sum(channel.addr[0] == address for channel in others)
            < self.limits.uploads_per_address
        )

    def maintenance(self, now: float) -> None:
        monotonic = time.monotonic()
        for channel in list(self.active_channels.values()):
            channel.check_deadlines(monotonic)

    def handle_accept(self) -> None:
        for _ in range(ACCEPTS):
            try:
                pair = self.accept()
            except OSError as error:
                log.warning("A connection could not be accepted: %s", error)
                return
            if pair is None:
                return
            connection, address = pair
            address = self.fix_addr(address)
            if not self._make_room(address[0]):
                self._turn_away(connection)
                continue
            with contextlib.suppress(OSError):  # gone already: reading will tell
                self.set_socket_options(connection)
            self.channel_class(self, connection, address, self.adj, map=self._map)

    def fix_addr(self, addr: tuple[Any, ...]) -> tuple[Any, ...]:
        """An IPv4 client of the socket that listens for both is known by its IPv4 address."""
        return (addr[0].removeprefix("::ffff:"), *addr[1:])

    def _make_room(self, address: str) -> bool:
        """Close the least connection where the newcomer is one too many; False: all are at work."""
        channels = self.active_channels.values()
        crowd: Iterable[Channel] = ()
        if not self._is_crowded(address):
            mine = [channel for channel in channels if channel.addr[0] == address]
            if len(mine) >= self.limits.connections_per_address:
                crowd = mine
        if not crowd and len(channels) >= self.limits.connections:
            crowd = channels
        if not crowd:
            return True
        now = time.monotonic()
        ranked = [(rank, channel) for channel in crowd if (rank := channel.rank(now)) is not None]
        if not ranked:
            return False
        min(ranked, key=lambda pair: pair[0])[1].handle_close()
        return True

    def _is_crowded(self, address: str) -> bool:
        """Many clients share the address of a proxy, and loopback's."""
        return address == self.trusted_proxy or ip_address(address.split("%")[0]).is_loopback

    @staticmethod
    def _turn_away(connection: socket.socket) -> None:
        headers, body = refusal(503, "Too many connections; try again.")
        lines = [f"HTTP/1.1 {status_line(503)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        with connection, contextlib.suppress(OSError):
            connection.setblocking(False)
            connection.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
