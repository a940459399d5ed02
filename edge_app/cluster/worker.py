"""`lookalike worker`: a machine that works for a cluster until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_app.cluster import node, scanner
from edge_app.cluster.address import Address
from edge_app.cluster.failures import unreachable
from edge_app.cluster.keys import security_of
from edge_app.cluster.quiet import no_page, quietly, until_told
from edge_app.cluster.watchdog import watch
from edge_app.config import Config

if TYPE_CHECKING:
    from distributed.security import Security

log = logging.getLogger(__name__)

CONNECT_S = 30
AGAIN_S = 2.0  # between two tries to find a scheduler that has gone
CLOSE_S = 5.0  # for what it does when it is told to end, such as reading from a share that hangs


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
        photos = opened.enter_context(closing(node.Node(config))) if embeds else None
        node.become(photos)
        if copy is not None:
            scanner.become(opened.enter_context(closing(scanner.Scanner(copy))))
        try:
            asyncio.run(_work(address, security, on_ready, photos))
        except OSError as error:
            raise unreachable(address, error) from None


async def _work(
    address: Address,
    security: Security | None,
    on_ready: Callable[[str], object],
    photos: node.Node | None,
) -> None:
    """Work until told to end; a scheduler that goes away later is waited for."""
    import dask

    quietly()
    watch(asyncio.get_running_loop())
    ended = until_told()
    settings = {
        "distributed.worker.memory.terminate": False,  # decoders have caps of their own
        "distributed.comm.timeouts.connect": CONNECT_S,
    }
    names = _names()
    name, works, has_worked = next(names), False, False

    def ready(own: str) -> None:
        nonlocal works, has_worked
        works = has_worked = True
        on_ready(own)

    with dask.config.set(settings):
        while not ended.is_set():
            working = asyncio.create_task(_while_scheduled(address, security, name, ready))
            await asyncio.wait(
                [working, asyncio.create_task(ended.wait())], return_when=asyncio.FIRST_COMPLETED
            )
            if photos and ended.is_set():
                photos.stop()  # or Dask waits for the end of its tasks
            working.cancel()  # if it was told to end
            try:
                await working
            except asyncio.CancelledError:
                return
            except RuntimeError as error:  # Dask's, around the reason
                if "name taken" not in str(error.__cause__):
                    raise
                name = next(names)
                continue
            except OSError:
                if not has_worked:
                    raise
            if works:
                works = False
                log.warning("the scheduler at %s has gone; this machine waits for it", address)
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), AGAIN_S)


def _names() -> Iterator[str]:
    """What this machine may call itself. The first may be taken: by a machine in another container,
    or by itself, where the scheduler has not noticed yet that the network was away."""
    name = f"{socket.gethostname()}-{os.getpid()}"
    yield name
    for number in count(2):
        yield f"{name}-{number}"


async def _while_scheduled(
    address: Address, security: Security | None, name: str, on_ready: Callable[[str], object]
) -> None:
    """Work for the scheduler while it is there."""
    from distributed import Worker
    from distributed.comm import connect
    from distributed.security import Security

    class Quiet(Worker):  # type: ignore[misc]
        start_http_server = no_page

        async def close(self, timeout: float = CLOSE_S, **how: Any) -> Any:
            return await super().close(timeout=timeout, **how)

    own_host = address.interface(address.own_host())
    security = security or Security()
    # A worker would try ten times a second, and not tell what is wrong.
    greeting = await connect(str(address), CONNECT_S, **security.get_connection_args("worker"))
    await greeting.close()
    worker = Quiet(
        str(address), name=name, nthreads=node.TASKS, host=own_host, security=security,
        dashboard=False, memory_limit=0, death_timeout=CONNECT_S,
    )  # fmt: skip
    async with worker:
        on_ready(worker.address)
        await worker.finished()
