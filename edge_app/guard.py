"""All between the network and the routes: puts the layers together and serves."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edge_app.config import Config
from edge_app.connections import Server
from edge_app.errors import ServeError

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

REASONS = {
    errno.EADDRINUSE: "something else listens there already",
    errno.EADDRNOTAVAIL: "this device has no such address",
    errno.EACCES: "ports below 1024 are not permitted to this user",
}


def serve(
    app: WSGIApplication,
    config: Config,
    on_ready: Callable[[list[str]], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Serve `app` until SIGTERM, SIGINT or `stop`; answers under way are finished first.

    `on_ready` gets the URLs that work, once the socket listens.
    """
    stop = stop or threading.Event()
    listener = listen(config)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full queue is answered 503
    proxy = config.trusted_proxy
    server = Server(
        app,
        listener,
        config.limits,
        crowded_addresses=[proxy] if proxy else [],
    )
    with stopped_by_signals(stop, server):
        if on_ready is not None:
            on_ready([f"http://{config.host}:{server.effective_port}/"])
        server.run_until(stop)


def listen(config: Config) -> socket.socket:
    """The listening socket; on `lan` one for every address of the device, IPv4 and IPv6."""
    if not 0 <= config.port <= 65535:
        raise ServeError(f"port {config.port} is not between 0 and 65535; choose with --port")
    try:
        if config.lan:
            dual = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if dual else socket.AF_INET
            return socket.create_server(
                ("", config.port), family=family, dualstack_ipv6=dual, backlog=1024
            )
        family, *_, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        host = "every address" if config.lan else config.host
        reason = REASONS.get(error.errno or 0, error.strerror)
        raise ServeError(
            f"cannot listen on {host}, port {config.port}: {reason}; "
            "choose with --host and --port (0: any free port)"
        ) from error


@contextmanager
def stopped_by_signals(stop: threading.Event, server: Server) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; only the main thread may ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(*_: object) -> None:
        stop.set()
        server.pull_trigger()  # wakes the loop

    before = {
        number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
