"""Where a scheduler is, as people write it, and which of its own addresses a machine has there."""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

from edge_app.errors import UsageError

PORT = 8786  # Dask's, where none is given


class Address(NamedTuple):
    """Of a scheduler; its text is what Dask takes."""

    scheme: str  # tls, or tcp: not encrypted
    host: str  # IPv6 without its brackets
    port: int

    @classmethod
    def of(cls, text: str) -> Address:
        """From tls://HOST:PORT or tls://HOST; UsageError."""
        try:
            parts = urlsplit(text)
            port = PORT if parts.port is None else parts.port
            fits = parts.scheme in ("tcp", "tls") and parts.hostname
            if not fits or parts.username or parts.path.strip("/") or parts.query or parts.fragment:
                raise ValueError
        except ValueError:  # such as a port of 99999
            raise UsageError(
                f"{text} is no address of a cluster, such as tls://photos.local:{PORT}"
            ) from None
        return cls(parts.scheme, parts.hostname or "", port)

    def __str__(self) -> str:
        return f"{self.interface(self.host)}:{self.port}"

    def interface(self, host: str) -> str:
        """How Dask is told to listen at `host`, by the same protocol."""
        return f"{self.scheme}://[{host}]" if ":" in host else f"{self.scheme}://{host}"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def own_host(self) -> str:
        """This machine's address in the network that leads there; OSError where none does."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        family, kind, _, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
        with socket.socket(family, kind) as unsent:
            unsent.connect(place)
            return str(unsent.getsockname()[0])
