"""What Dask does unasked and is not to do here: open a port for pages, and tell every step; and how
its processes are told to end."""

from __future__ import annotations

import asyncio
import logging
import signal


def no_page(*_: object, **__: object) -> None:
    """In the place of `start_http_server`: Dask would listen with its pages on one more port."""


def quietly() -> None:
    """Warnings only: what a user asked for is said by the commands."""
    logging.getLogger("distributed").setLevel(logging.WARNING)


def until_told() -> asyncio.Event:
    """Set by SIGTERM and SIGINT, for the loop that runs."""
    ended = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, ended.set)
    return ended
