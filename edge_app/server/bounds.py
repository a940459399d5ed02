"""What one request, one client and all of them together may cost the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_app.config import DRAIN_S, Limits, MiB


class Pace(Protocol):
    """What the app says of its requests."""

    def is_quick(self, path: str) -> bool:
        """The app is called in the loop's own thread, so everybody waits for it."""

    def is_slow(self, path: str, query: str) -> bool:
        """It may take seconds: there are never so many under way that no thread is free."""


class _Even:
    """No request is quick and none is slow."""

    def is_quick(self, path: str) -> bool:
        return False

    def is_slow(self, path: str, query: str) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Bounds:
    """Units are in the names; a user sets those that `of` takes from the limits."""

    # --- one request ---
    upload_bytes: int = Limits().upload_bytes  # a multipart body that says its length
    upload_unsized_bytes: int = 16 * MiB  # a chunked one, which can't be refused before it comes
    body_bytes: int = 1 * MiB  # any other body
    header_bytes: int = 16 * 1024  # request line and headers together
    header_s: float = 10.0  # from a request's first byte to its last header
    body_bytes_per_s: int = 32 * 1024  # a body may take header_s, and 1 s more for each of these
    uploads: int = 4  # bodies over body_bytes in memory at one time, ...
    uploads_per_address: int = 2  # ... and from one address

    # --- connections ---
    connections: int = Limits().connections  # over this the one doing least makes room
    connections_per_address: int = Limits().connections_per_address
    idle_s: float = 60.0  # between two requests on one connection
    send_s: float = 30.0  # a client that takes no byte of its answer for this time is gone, ...
    send_bytes_per_s: int = 32 * 1024  # ... and one that needs over 1 s for each of these
    # What the system may hold of an answer. Linux goes up to 4 MB for each client, which a small
    # device has not, and a client that reads them slowly looks like one that reads nothing.
    send_buffer_bytes: int = 128 * 1024  # a Wi-Fi round trip of 5 ms leaves 25 MB/s
    # What a refused client still sends is read and dropped for this time, ...
    linger_s: float = 2.0
    linger_bytes: int = 4 * MiB  # ... and no further than this

    # --- the whole server ---
    server_threads: int = Limits().server_threads
    queued_requests: int = 64  # waiting for a thread; more are answered 503
    slow_requests: int = Limits().server_threads // 2  # of those that may take seconds, at one time
    # ... and of one client, while others are there
    client_slow_requests: int = Limits().server_threads // 4
    drain_s: float = DRAIN_S

    @classmethod
    def of(cls, limits: Limits) -> Bounds:
        """The bounds of a server with these limits."""
        return cls(
            upload_bytes=limits.upload_bytes,
            upload_unsized_bytes=min(cls().upload_unsized_bytes, limits.upload_bytes),
            connections=limits.connections,
            connections_per_address=limits.connections_per_address,
            server_threads=limits.server_threads,
            slow_requests=max(1, limits.server_threads // 2),
            client_slow_requests=max(1, limits.server_threads // 4),
        )


BOUNDS = Bounds()
EVEN: Pace = _Even()
