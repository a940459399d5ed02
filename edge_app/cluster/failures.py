"""How what goes wrong between machines is told."""

from __future__ import annotations

from edge_app.errors import ClusterError


def line_of(error: BaseException) -> str:
    """The first line of what it says, or what it is."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def unreachable(address: str, error: BaseException) -> ClusterError:
    """No scheduler answers there."""
    return ClusterError(
        f"the cluster at {address} can't be reached: {error}; start it with: "
        f"lookalike scheduler {address}"
    )
