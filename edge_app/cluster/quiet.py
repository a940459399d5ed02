"""What Dask does unasked and is not to do here: open a port for pages, and tell every step; and how
its processes are told to end."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it brings TLS, 5 MB: an index run without a cluster has no use for it
    import asyncio


def no_page(*_: object, **__: object) -> None:
    """In the place of `start_http_server`: Dask would listen with its pages on one more port."""


def quietly() -> None:
    """Of what Dask says only errors, and who is refused at the door, in one line each: what a user
    is to know of machines is said by the commands."""
    dask = logging.getLogger("distributed")
    dask.setLevel(logging.ERROR)
    logging.getLogger("distributed.comm").setLevel(logging.WARNING)
    for handler in (*dask.handlers, *logging.getLogger().handlers):
        handler.addFilter(_in_one_line)


def _in_one_line(record: logging.LogRecord) -> bool:
    """Leaves out tracebacks of Dask's, and what is no news: that a task ends when it is told to."""
    import asyncio

    if record.name.partition(".")[0] != "distributed":
        return True
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, asyncio.CancelledError):
        return False
    said = record.getMessage() or repr(error)
    record.msg, record.args = said.splitlines()[0], ()
    record.exc_info = record.exc_text = None
    return True


def until_told() -> asyncio.Event:
    """Set by SIGTERM and SIGINT, for the loop that runs."""
    import asyncio

    ended = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, ended.set)
    return ended
