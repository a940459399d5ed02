"""Which connection is closed when a full server gets another one, and when it is full."""

from __future__ import annotations

import logging
import os
import resource
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Protocol, TypeVar

log = logging.getLogger(__name__)

RESERVED = 48  # descriptors for index, photos, decoding children and their pipes


class Occupant(Protocol):
    """A connection."""

    network: str
    working_since: float  # when the request began to come that is being answered

    def rank(self, now: float) -> tuple[int, float] | None: ...


C = TypeVar("C", bound=Occupant)


def least(connections: Iterable[C], now: float) -> C | None:
    """The one that does least; None where all are busy."""
    ranked = [(rank, one) for one in connections if (rank := one.rank(now)) is not None]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def to_close(connections: Collection[C], network: str, now: float) -> C | None:
    """Which makes room for a newcomer of this network: one of whoever has the most. None where
    that is the newcomer's own network, and all its connections are busy."""
    counts = Counter(one.network for one in connections)
    counts[network] += 1
    greediest = max(counts, key=lambda name: (counts[name], name == network))
    crowd = [one for one in connections if one.network == greediest]
    found = least(crowd, now)
    if found is None and greediest != network:
        return max(crowd, key=lambda one: one.working_since)
    return found


def connections_max(wanted: int) -> int:
    """How many connections this process may have, as far as its descriptors go."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + RESERVED + len(os.listdir("/proc/self/fd"))
    if 0 <= soft < needed:
        soft = needed if hard < 0 else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if not 0 <= soft < needed:
        return wanted
    found = max(1, wanted - (needed - soft))
    log.warning(
        "this process may open %d files: %d connections at a time, not %d (ulimit -n)",
        soft, found, wanted,
    )  # fmt: skip
    return found
