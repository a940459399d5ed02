"""`lookalike scheduler`: the meeting point of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from edge_app.cluster.address import Address
from edge_app.cluster.failures import line_of
from edge_app.cluster.keys import security_of
from edge_app.cluster.quiet import no_page, quietly, until_told
from edge_app.errors import UsageError

DEATHS = 1  # of workers that a task survives; at the second it is given up
# Without a sign of life: a machine that is stopped or swaps keeps its connections. They come every
# second, from a thread that does nothing else.
SILENT_S = 60


def schedule(at: str, tls: Path | None, on_ready: Callable[[str], object]) -> None:
    """Listen at an address until SIGTERM or SIGINT."""
    address = Address.of(at)
    security = security_of(address, tls)
    try:
        asyncio.run(_schedule(address, security, on_ready))
    except RuntimeError as error:  # Dask's, around the reason
        if not isinstance(error.__cause__, OSError):
            raise
        raise UsageError(f"{address} can't be listened at: {line_of(error.__cause__)}") from None


async def _schedule(address: Address, security: object, on_ready: Callable[[str], object]) -> None:
    import dask
    from distributed import Scheduler

    class Quiet(Scheduler):  # type: ignore[misc]
        start_http_server = no_page

    quietly()
    settings = {
        "distributed.scheduler.allowed-failures": DEATHS,
        "distributed.scheduler.worker-ttl": f"{SILENT_S}s",
        "distributed.scheduler.reuse-broadcast-comm": True,  # or each search begins with TLS
    }
    with dask.config.set(settings):
        scheduler = Quiet(
            host=address.interface(address.host), port=address.port,
            security=security, dashboard=False,
        )  # fmt: skip
        ended = until_told()
        async with scheduler:
            on_ready(scheduler.address)
            await ended.wait()
