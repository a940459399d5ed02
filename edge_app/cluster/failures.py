"""How what goes wrong between machines is told."""

from __future__ import annotations

from dataclasses import dataclass

from edge_app.cluster.address import Address
from edge_app.errors import ClusterError, printable

_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a machine could not do what it was asked for."""

    reason: str


def line_of(error: BaseException) -> str:
    """The first line of what it says, or what it is."""
    said = str(error).strip().splitlines() or [type(error).__name__]
    return printable(said[0])


def name_of(facts: dict[str, object], address: str) -> str:
    """What a machine calls itself, as a terminal prints it: it may say anything."""
    return printable(str(facts.get("name", address)))[:_NAME_CHARS]


def unreachable(address: Address, error: BaseException) -> ClusterError:
    """No scheduler answers there, or none of the same cluster."""
    from distributed.comm.core import FatalCommClosedError

    if isinstance(error, FatalCommClosedError):  # which leads to Dask's own pages
        why = (
            "what answers there has other certificates, or none; "
            "each machine needs the same folder of: lookalike cluster-keys"
        )
    else:
        why = f"{line_of(error)}; start it with: lookalike scheduler {address}"
    return ClusterError(f"the cluster at {address} can't be reached: {why}")
