"""The names and addresses at which this device is reached."""

from __future__ import annotations

import fcntl
import socket
import struct
from ipaddress import ip_address
from pathlib import Path

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


def reachable() -> list[str]:
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
