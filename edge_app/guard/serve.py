"""All between the network and the routes: puts the layers together and serves.

A request passes `connections` (deadlines, caps, sizes), `traffic` (counts), `policy` (whose page
sent it), `passcode` (who asks) and `compress`, in this order; each can be read, and tested, without
the others.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING

from edge_app import memory
from edge_app.config import Config
from edge_app.errors import ServeError
from edge_app.guard import addresses, announce
from edge_app.guard.compress import Compress
from edge_app.guard.passcode import PasscodeFile
from edge_app.guard.policy import Policy
from edge_app.guard.signin import LOGIN, Passcode
from edge_app.guard.traffic import Counted, Traffic
from edge_app.host import install_with
from edge_app.server.bounds import EVEN, Bounds, Pace
from edge_app.server.connections import Server

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

# How long a thread may keep Python from the others. Python's own 5 ms are 40 beside eight threads
# that search, each time a request has read or sent something.
SWITCH_S = 0.0005
BACKLOG = 1024  # connections the system holds until the loop accepts them
REASONS = {
    errno.EADDRINUSE: "another program already uses this port",
    errno.EADDRNOTAVAIL: "this device does not have this address",
    errno.EACCES: "this user may not use ports below 1024",
}


def serve(
    app: WSGIApplication,
    config: Config,
    on_ready: Callable[[list[str]], None] | None = None,
    stop: threading.Event | None = None,
    open_paths: Collection[str] = (),
    pace: Pace = EVEN,
    bounds: Bounds | None = None,
) -> None:
    """Serve `app` until SIGTERM, SIGINT or `stop`; answers under way are finished first.

    `on_ready` gets the URLs that work, addresses before names, once the socket listens.
    `open_paths` need no passcode; `pace` says which requests are quick, and which slow.
    `bounds` other than those of the config are for tests.
    """
    memory.return_large_blocks()
    _check_proxy(config.trusted_proxy)
    _check_names(config)
    stop = stop or threading.Event()
    traffic = Traffic()
    guarded = Counted(protect(app, config, open_paths), traffic, log=config.access_log)
    logging.getLogger("waitress").setLevel(logging.WARNING)  # who leaves early is not worth a line
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full queue is answered 503
    sys.setswitchinterval(SWITCH_S)
    with ExitStack() as stack:
        listener = stack.enter_context(listen(config))
        server = Server(
            guarded,
            listener,
            bounds or Bounds.of(config.limits),
            config.trusted_proxy,
            traffic.refused,
            pace,
            config.base_path,
        )
        traffic.connections = lambda: len(server.active_channels)
        stack.enter_context(stopped_by_signals(server))
        port = listener.getsockname()[1]
        hosts = reachable_hosts(config)
        if config.lan:
            name = stack.enter_context(announce.local_name(port, hosts))
            hosts += [name] if name else []
        if on_ready is not None:
            on_ready([addresses.url(host, port, config.base_path) for host in hosts])
        server.run_until(stop)


def _check_proxy(address: str | None) -> None:
    """ServeError unless it is an address: a name never equals one, and `*` would believe anyone."""
    try:
        ip_address(address or "::")
    except ValueError:
        raise ServeError(
            f"--trusted-proxy {address} is no address; name the proxy's own, such as 127.0.0.1"
        ) from None


def _check_names(config: Config) -> None:
    """ServeError where a browser never asks by such a host name, or for such a path."""
    for name in config.allowed_hosts:
        if not re.fullmatch(r"[\w.-]+|\[?[0-9A-Fa-f:.]+\]?", name):
            raise ServeError(
                f"--allow-host {name} is no host name; give it without http://, port and path, "
                "such as photos.home.arpa"
            )
    if not re.fullmatch(r"(/[\w.~-]+)*", config.base_path, re.ASCII):
        raise ServeError(
            f"--base-path {config.base_path} is no path; it begins with a slash, ends without one, "
            "and has letters, digits, . _ ~ and - only, such as /photos"
        )


def protect(
    app: WSGIApplication, config: Config, open_paths: Collection[str] = ()
) -> WSGIApplication:
    """`app` behind everything of this package that is WSGI middleware."""
    app = Compress(app)
    form_paths = []
    if config.passcode_file is not None:
        app = Passcode(app, PasscodeFile(config.passcode_file), config.limits.session_s, open_paths)
        form_paths = [LOGIN]
    names = [*addresses.own_names(), config.host, *config.allowed_hosts]
    return Policy(app, names, config.base_path, form_paths)


def start_notes(config: Config, urls: list[str]) -> list[str]:
    """What to tell the user who starts a server, a line or block each."""
    if not (config.lan or is_reachable(config.host)):
        return ["Only this device can open it. For phones and others on your network: --lan"]
    notes = []
    if config.passcode_file is None:
        notes.append(
            "No passcode: everyone on this network can see every photo (see --passcode-file)."
        )
    if config.lan and not urls:
        notes.append(
            "This device has no address in a network yet. Here the gallery is at "
            f"{addresses.url('localhost', config.port, config.base_path)}"
        )
    elif config.lan:
        code = announce.qr_code(urls[0]) if urls else None
        notes.append(code or f"For a QR code of the address: {install_with('segno')}")
        if not announce.HAS_MDNS:
            notes.append(f"To make {addresses.host_name()}.local work: {install_with('zeroconf')}")
    return notes


def is_reachable(host: str) -> bool:
    """Can others reach a server on this host?"""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def reachable_hosts(config: Config) -> list[str]:
    """The hosts by which the listening socket is reached, for URLs."""
    if config.lan:
        return addresses.reachable()
    try:
        everywhere = ip_address(config.host).is_unspecified
    except ValueError:
        everywhere = False
    if not everywhere:
        return [config.host]
    return [host for host in addresses.reachable() if (":" in host) == (":" in config.host)]


def listen(config: Config) -> socket.socket:
    """The listening socket; on `lan` one for every address of the device, IPv4 and IPv6."""
    if not 0 <= config.port <= 65535:
        raise ServeError(
            f"port {config.port} is not between 0 and 65535; choose another with --port"
        )
    try:
        if config.lan:
            dual = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if dual else socket.AF_INET
            return socket.create_server(
                ("", config.port), family=family, dualstack_ipv6=dual, backlog=BACKLOG
            )
        family, *_, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        host = "every address" if config.lan else config.host
        reason = REASONS.get(error.errno or 0, error.strerror)
        raise ServeError(
            f"cannot listen on {host}, port {config.port}: {reason}; choose others with "
            "--host and --port (port 0: any free one)"
        ) from error


@contextmanager
def stopped_by_signals(server: Server) -> Iterator[None]:
    """SIGTERM and SIGINT stop `server`; only the main thread may ask for that.

    SIGHUP stops it on a terminal, whose end it tells of. A service continues: it means "read your
    files again", and the passcode file is read whenever it has changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(*_: object) -> None:
        # Not an Event: its set() takes a lock, for ever if a second signal comes while it does.
        if not server.stopping:  # later the trigger may be closed
            server.stopping = True
            server.pull_trigger()  # wakes the loop

    before = {
        number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)
    }
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # else nohup, which says to go on
        on_hangup = on_signal if os.isatty(0) else signal.SIG_IGN
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, on_hangup)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
