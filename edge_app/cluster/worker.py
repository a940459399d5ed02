"""`lookalike worker`: a machine that works for a cluster until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from edge_app.cluster import node, scanner
from edge_app.cluster.address import Address
from edge_app.cluster.keys import security_of
from edge_app.cluster.quiet import no_page, quietly, until_told
from edge_app.config import Config
from edge_app.errors import EdgeAppError

log = logging.getLogger(__name__)

CONNECT_S = 30
AGAIN_S = 2.0  # between two tries to find a scheduler that has gone


def work(
    scheduler: str,
    config: Config,
    tls: Path | None,
    on_ready: Callable[[str], object],
    *,
    embeds: bool = True,
    copy: Path | None = None,
) -> None:
    """Connect to a scheduler and do what clients ask for; returns after SIGTERM or SIGINT.

    embeds: with the photos and the model of the settings. copy: of an index, which is searched.
    """
    address = Address.of(scheduler)
    security = security_of(address, tls)
    with ExitStack() as opened:
        if embeds:
            node.become(opened.enter_context(closing(node.Node(config))))
        if copy is not None:
            scanner.become(opened.enter_context(closing(scanner.Scanner(copy))))
        try:
            asyncio.run(_work(address, security, on_ready))
        except (OSError, TimeoutError) as error:
            raise EdgeAppError(f"the scheduler at {address} can't be reached: {error}") from None


async def _work(address: Address, security: object, on_ready: Callable[[str], object]) -> None:
    """Work until told to end; a scheduler that goes away later is waited for."""
    import dask

    quietly()
    ended = until_told()
    settings = {
        "distributed.worker.memory.terminate": False,  # decoders have caps of their own
        "distributed.comm.timeouts.connect": CONNECT_S,
    }
    has_worked = False

    def ready(own: str) -> None:
        nonlocal has_worked
        has_worked = True
        on_ready(own)

    with dask.config.set(settings):
        while not ended.is_set():
            working = asyncio.create_task(_while_scheduled(address, security, ready))
            await asyncio.wait(
                [working, asyncio.create_task(ended.wait())], return_when=asyncio.FIRST_COMPLETED
            )
            working.cancel()  # if it was told to end
            try:
                await working
            except asyncio.CancelledError:
                return
            except (OSError, TimeoutError):
                if not has_worked:
                    raise
            log.warning("the scheduler at %s has gone; this machine waits for it", address)
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), AGAIN_S)


async def _while_scheduled(
    address: Address, security: object, on_ready: Callable[[str], object]
) -> None:
    """Work for the scheduler while it is there."""
    from distributed import Worker

    class Quiet(Worker):  # type: ignore[misc]
        start_http_server = no_page

    worker = Quiet(
        str(address), name=f"{socket.gethostname()}-{os.getpid()}", nthreads=node.TASKS,
        host=address.interface(address.own_host()), security=security, dashboard=False,
        memory_limit=0, death_timeout=CONNECT_S,
    )  # fmt: skip
    async with worker:
        on_ready(worker.address)
        await worker.finished()
