"""How people on the LAN find the server: its addresses, a QR code and a `.local` name.

The QR code needs segno and the name needs zeroconf; both are extras.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

from edge_app.guard.addresses import host_name

log = logging.getLogger(__name__)

# Both are imported where they are used: together they take 3 MB, in index runs and everywhere else.
HAS_MDNS = find_spec("zeroconf") is not None


def qr_code(text: str) -> str | None:
    """A QR code for the terminal; None without segno."""
    try:
        import segno
    except ImportError:
        return None
    out = io.StringIO()
    segno.make(text, micro=False).terminal(out, compact=True)
    return out.getvalue()


@contextmanager
def local_name(port: int, at: list[str]) -> Iterator[str | None]:
    """Answer for `<host name>.local` by mDNS meanwhile; None where that can't be done: without
    zeroconf or an IPv4 address, or in a network without multicast, which is logged."""
    interfaces = [one for one in at if ":" not in one]
    if not HAS_MDNS or not interfaces:
        yield None
        return
    import zeroconf

    name = f"{host_name()}.local"
    with ExitStack() as stack:
        try:
            responder = zeroconf.Zeroconf(interfaces=interfaces)
            stack.callback(responder.close)  # says goodbye first
            responder.register_service(
                zeroconf.ServiceInfo(
                    "_http._tcp.local.",
                    f"Lookalike on {host_name()}._http._tcp.local.",
                    port=port,
                    server=f"{name}.",
                    parsed_addresses=at,
                    properties={"path": "/"},
                ),
                allow_name_change=True,
            )
        except (OSError, zeroconf.Error) as error:
            log.warning("%s can't be announced: %s", name, error or type(error).__name__)
            name = ""
        yield name or None
