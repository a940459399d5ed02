"""waitress, with the deadlines and caps it lacks: no client can hold the server by being slow.

Measured with waitress 3.0.2 as it comes: 99 connections that send a byte now and then stop all
service, since every byte restarts its time-out and a full server accepts nobody; bodies over 512
KiB and answers over 1 MiB go to a temporary file; and what it refuses waits for a free thread.

Here a request has one deadline however its bytes drip in, a full server closes the connection
that does least, bodies stay in memory within a limit, and refusals have a thread of their own.
What is answered at once needs no thread at all: handing a thumbnail to one and back took as long as
all the rest of it (docs/serving.md).
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from edge_app.server.bounds import EVEN, Bounds, Pace
from edge_app.server.channel import Channel
from edge_app.server.clients import is_loopback, network_of
from edge_app.server.eventloop import EventLoop
from edge_app.server.refusal import refusal, status_line
from edge_app.server.request import Refusal, Request
from edge_app.server.room import connections_max, least, to_close
from edge_app.server.turns import Dispatcher, Queue, Turn

log = logging.getLogger(__name__)

LOOP_S = 0.25  # how often the loop wakes by itself; deadlines are this exact at best
PAUSE_S = 0.5  # without a descriptor for a new connection; those that are open go on
SILENT_S = 60.0  # ... and nothing more is logged about it for this time
ANY_BYTES = 10**4300  # Python reads no longer number, and so no larger Content-Length
ACCEPTS = 16  # per turn of the loop, so that those accepted are read before they are evicted


class Settings(Adjustments):  # type: ignore[misc]
    """waitress's settings with another default."""

    send_bytes = 1024  # the header waits for the first of the body: one system call, one packet

    @classmethod
    def of(cls, listener: socket.socket, bounds: Bounds, trusted_proxy: str | None) -> Settings:
        """Those of a server on this socket; waitress's own limits are out of the way of ours."""
        forwarded = {"x-forwarded-for", "x-forwarded-proto"}
        return cls(
            sockets=[listener],
            threads=bounds.server_threads,
            ident="",
            trusted_proxy=trusted_proxy,
            trusted_proxy_headers=forwarded if trusted_proxy else set(),
            max_request_header_size=bounds.header_bytes,
            max_request_body_size=ANY_BYTES,  # ours depends on the kind of body
            # Over these waitress would write to a temporary file.
            inbuf_overflow=2 * bounds.upload_bytes,
            outbuf_overflow=1 << 40,
            outbuf_high_watermark=1 << 40,  # over this a thread would wait for its client
            recv_bytes=32 * 1024,
            cleanup_interval=1,
            connection_limit=1 << 30,  # ours closes one instead of accepting none
            log_socket_errors=False,
        )


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Serves a WSGI app on one listening socket until told to stop."""

    channel_class = Channel
    stopping = False  # set by signal handlers
    _accepting_from = 0.0  # after a failure
    _silent_until = 0.0  # about further ones

    def __init__(
        self,
        app: Any,
        listener: socket.socket,
        bounds: Bounds,
        trusted_proxy: str | None = None,
        on_refused: Callable[[int], None] = lambda status: None,
        pace: Pace = EVEN,
        base_path: str = "",
    ) -> None:
        """From the address `trusted_proxy` X-Forwarded-For and -Proto are believed; else they are
        removed, as X-Forwarded-Host always is: a proxy passes on Host.

        `on_refused` is told the status of what the app never sees. `pace` is asked about paths
        below `base_path`.
        """
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, bounds.send_buffer_bytes)
        self.bounds = bounds
        self.connections_max = connections_max(bounds.connections)
        self.trusted_proxy = trusted_proxy
        self.on_refused = on_refused
        self.pace = pace
        self.base_path = base_path
        dispatchers: dict[int, Any] = {}
        self.loop = EventLoop(dispatchers)
        self._refusals = ThreadedTaskDispatcher()
        self._refusals.set_thread_count(1)
        super().__init__(
            app,
            map=dispatchers,
            _sock=listener,
            adj=Settings.of(listener, bounds, trusted_proxy),
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            bind_socket=False,
            dispatcher=Dispatcher(
                bounds.server_threads,
                Queue(bounds.queued_requests, bounds.slow_requests, bounds.client_slow_requests),
            ),
        )

    def run_until(self, stop: threading.Event) -> None:
        """Serve until `stop` or `stopping` is set, then finish what is under way in `drain_s`."""
        self.loop.watch(self)
        self.loop.watch(self.trigger)
        while not (self.stopping or stop.is_set()):
            self._turn()
        self.del_channel()
        self.socket.close()
        deadline = time.monotonic() + self.bounds.drain_s
        while self._close_idle() and time.monotonic() < deadline:
            self._turn()
        self._refusals.shutdown(timeout=0.1)
        left = max(0.1, deadline - time.monotonic())
        self.task_dispatcher.shutdown(timeout=left)
        for channel in list(self.active_channels.values()):
            channel.handle_close()
        if not self.task_dispatcher.threads:  # or a late one would write to a stranger's descriptor
            self.trigger.close()
        self.loop.close()

    def _turn(self) -> None:
        self.loop.turn(LOOP_S)
        paused = self._accepting_from > 0
        # `readable` is where waitress keeps its clock: it calls maintenance every second.
        if self.readable() and paused:
            self._accepting_from = 0.0
            self.loop.ask_again(self)

    def pull_trigger(self) -> None:
        self.loop.wake(self.trigger)

    def _close_idle(self) -> int:
        """Close connections without a request; how many are left."""
        for channel in list(self.active_channels.values()):
            if not channel.busy and not channel.will_close:
                channel.handle_close()
        return len(self.active_channels)

    def add_task(self, channel: Channel) -> None:
        """Have the request that has been read answered: here, by a thread, or refused."""
        request = channel.requests[0]
        if request.error is not None:
            self._refuse(channel, request.error)
            return
        path = request.path.removeprefix(self.base_path)
        if self.pace.is_quick(path):
            self.loop.soon(channel.service, self.trigger)
        else:
            slow = request.is_upload or self.pace.is_slow(path, request.query)
            turn = Turn(channel, self._client_of(channel, request), slow)
            turned_away = self.task_dispatcher.offer(turn)
            if turned_away:
                busy = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Too busy; try again.")
                self._refuse(turned_away.channel, busy)

    def _refuse(self, channel: Channel, error: Refusal) -> None:
        channel.requests[0].error = error
        self.on_refused(error.code)
        self._refusals.add_task(channel)

    def _client_of(self, channel: Channel, request: Request) -> str:
        """The address that a request comes from, or is said to come from by a trusted proxy."""
        address: str = channel.addr[0]
        if address == self.trusted_proxy:
            named = request.headers.get("X_FORWARDED_FOR", "").rpartition(",")[2].strip()
            return named or address
        return address

    def admits_upload(self, newcomer: Channel) -> bool:
        """Whether there is room for one more upload, of all clients and of this one."""
        others = [
            channel
            for channel in self.active_channels.values()
            if channel is not newcomer and channel.uploading
        ]
        return len(others) < self.bounds.uploads and (
            self._is_crowded(newcomer.addr[0])
            or sum(channel.network == newcomer.network for channel in others)
            < self.bounds.uploads_per_address
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
                self._pause(error)
                return
            if pair is None:
                return
            connection, address = pair
            address = self.fix_addr(address)
            shared = self._is_crowded(address[0])
            if not self._make_room(network_of(address[0]), shared=shared):
                self.on_refused(HTTPStatus.SERVICE_UNAVAILABLE)
                self._turn_away(connection)
                continue
            with contextlib.suppress(OSError):  # gone already: reading will tell
                self.set_socket_options(connection)
            self.loop.watch(self.channel_class(self, connection, address, self.adj, map=self._map))

    def _pause(self, error: OSError) -> None:
        """Accept nobody for a moment: most likely no descriptor is free, or no memory."""
        now = time.monotonic()
        self._accepting_from = now + PAUSE_S
        if now >= self._silent_until:
            self._silent_until = now + SILENT_S
            log.warning("Connections can't be accepted at the moment: %s", error.strerror)
        closed = least(self.active_channels.values(), now)
        if closed is not None:
            closed.handle_close()

    def readable(self) -> bool:
        return bool(super().readable()) and time.monotonic() >= self._accepting_from

    def fix_addr(self, addr: tuple[Any, ...]) -> tuple[Any, ...]:
        """An IPv4 client of the socket that listens for both is known by its IPv4 address."""
        return (addr[0].removeprefix("::ffff:"), *addr[1:])

    def _make_room(self, network: str, *, shared: bool) -> bool:
        """Close a connection where the newcomer is one too many; False: none may be closed."""
        channels = self.active_channels.values()
        now = time.monotonic()
        mine = () if shared else [one for one in channels if one.network == network]
        if len(mine) >= self.bounds.connections_per_address:
            closed = least(mine, now)
        elif len(channels) >= self.connections_max:
            closed = to_close(channels, network, now)
        else:
            return True
        if closed is not None:
            closed.handle_close()
        return closed is not None

    def _is_crowded(self, address: str) -> bool:
        """Many clients share the address of a proxy, and loopback's."""
        return address == self.trusted_proxy or is_loopback(address)

    @staticmethod
    def _turn_away(connection: socket.socket) -> None:
        headers, body = refusal(503, "Too many connections; try again.")
        lines = [f"HTTP/1.1 {status_line(503)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        with connection, contextlib.suppress(OSError):
            connection.setblocking(False)
            connection.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
