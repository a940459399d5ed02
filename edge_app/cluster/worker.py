"""`lookalike worker`: a machine that works for a cluster until it is told to end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from edge_app.cluster import node
from edge_app.cluster.keys import security_of
from edge_app.cluster.quiet import no_page, quietly
from edge_app.config import Config
from edge_app.errors import EdgeAppError

CONNECT_S = 30


def work(address: str, config: Config, tls: Path | None, on_ready: Callable[[str], object]) -> None:
    """Connect to a scheduler and do what clients ask for; returns after SIGTERM or SIGINT."""
    security = security_of(address, tls)
    here = node.Node(config)
    node.become(here)
    try:
        asyncio.run(_work(address, security, on_ready))
    except (OSError, TimeoutError) as error:
        raise EdgeAppError(f"the scheduler at {address} can't be reached: {error}") from None
    finally:
        here.close()


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
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, ended.set)
        async with worker:
            on_ready(worker.address)
            finished = asyncio.create_task(worker.finished())
            await asyncio.wait(
                [finished, asyncio.create_task(ended.wait())], return_when=asyncio.FIRST_COMPLETED
            )
