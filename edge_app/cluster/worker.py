"""`lookalike worker`: a machine that works for a cluster until it is told to end."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

from edge_app.cluster import node, scanner
from edge_app.cluster.keys import security_of
from edge_app.cluster.quiet import no_page, quietly, until_told
from edge_app.config import Config
from edge_app.errors import EdgeAppError

CONNECT_S = 30


def work(
    address: str,
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


async def _work(address: str, security: object, on_ready: Callable[[str], object]) -> None:
    import dask
    from distributed import Worker
    from distributed.utils import get_ip

    class Quiet(Worker):  # type: ignore[misc]
        start_http_server = no_page

    parts = urlsplit(address)  # only the network that leads there is listened to
    settings = {
        "distributed.worker.memory.terminate": False,  # decoders have caps of their own
        "distributed.comm.timeouts.connect": CONNECT_S,
    }
    quietly()
    with dask.config.set(settings):
        worker = Quiet(
            address, name=f"{socket.gethostname()}-{os.getpid()}", nthreads=node.TASKS,
            host=f"{parts.scheme}://{get_ip(parts.hostname)}", security=security, dashboard=False,
            memory_limit=0, death_timeout=CONNECT_S,
        )  # fmt: skip
        ended = until_told()
        async with worker:
            on_ready(worker.address)
            finished = asyncio.create_task(worker.finished())
            await asyncio.wait(
                [finished, asyncio.create_task(ended.wait())], return_when=asyncio.FIRST_COMPLETED
            )
