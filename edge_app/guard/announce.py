"""How people on the LAN find the server: its addresses, a QR code and a `.local` name.

The QR code needs segno and the name needs zeroconf; both are extras.
"""

from __future__ import annotations

import fcntl
import io
import logging
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Any


def _extra(name: str) -> Any:
    """The module of an optional package, None where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


segno = _extra("segno")
zeroconf = _extra("zeroconf")

log = logging.getLogger(__name__)

HAS_MDNS = zeroconf is not None

SIOCGIFADDR = 0x8915  # linux/sockios.h
IF_INET6 = Path("/proc/net/if_inet6")  # address, index, prefix length, scope, flags, name
GLOBAL_SCOPE = "00"


def host_name() -> str:
    """The device's own name, without a domain."""
    return socket.gethostname().partition(".")[0].lower()


def own_names() -> list[str]:
    """What this device is called without asking anybody: no name service is looked up."""
    name = host_name()
    return ["localhost", socket.gethostname().lower(), name, f"{name}.local"]


def addresses() -> list[str]:
    """Every address at which neighbours reach this device, IPv4 first; Linux only."""
    return [*_ipv4_addresses(), *_ipv6_addresses()]


def _ipv4_addresses() -> list[str]:
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, interface in socket.if_nameindex():
            request = struct.pack("256s", interface.encode()[:15])
            try:
                answer = fcntl.ioctl(probe, SIOCGIFADDR, request)
            except OSError:  # this interface has none
                continue
            address = ip_address(answer[20:24])
            if not address.is_loopback:
                found.append(str(address))
    return found


def _ipv6_addresses() -> list[str]:
    if not IF_INET6.exists():
        return []
    lines = [line.split() for line in IF_INET6.read_text().splitlines()]
    return [str(ip_address(bytes.fromhex(line[0]))) for line in lines if line[3] == GLOBAL_SCOPE]


def url(host: str, port: int, base_path: str = "") -> str:
    """The gallery's address as people type it."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}{'' if port == 80 else f':{port}'}{base_path}/"


def qr_code(text: str) -> str | None:
    """A QR code for the terminal; None without segno."""
    if segno is None:
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
    name = f"{host_name()}.local"
    with ExitStack() as stack:
        try:
            responder = zeroconf.Zeroconf(interfaces=interfaces)
            stack.callback(responder.close)  # says goodbye first
            responder.register_service(
                zeroconf.ServiceInfo(
                    "_http._tcp.local.",
                    f"Edge Gallery on {host_name()}._http._tcp.local.",
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
