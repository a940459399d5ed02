"""Who a request comes from, as far as shares and limits are concerned."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

HOST_BITS = 64  # one device may use any number of the IPv6 addresses of its network


def network_of(address: str) -> str:
    """An IPv4 address itself, and of an IPv6 address its network: the first 64 bits. What a proxy
    adds, such as a port, is left out."""
    bare = re.sub(r"^\[([^]]*)\](:\d*)?$|^([^:]*):\d*$", r"\1\3", address)
    try:
        found = ip_address(bare.partition("%")[0])
    except ValueError:  # what a proxy names so is a client like another
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return str(found.ipv4_mapped)
    if not isinstance(found, IPv6Address) or found.is_loopback:
        return bare
    return f"{IPv6Address(int(found) >> HOST_BITS << HOST_BITS)}/{HOST_BITS}"


def is_loopback(address: str) -> bool:
    return ip_address(address.partition("%")[0]).is_loopback
