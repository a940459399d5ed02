"""Ends a process whose event loop has come to a stop, as where a thread could not start for lack of
memory: Python waits for that thread for ever, and takes no signal meanwhile."""

from __future__ import annotations

import asyncio
import os
import threading
import time

STILL_S = 60  # a scheduler takes a machine for gone after as long
_LOOK_S = 1.0
_LINE = (
    b"error: this machine stood still for a minute and ends, probably because its memory has run "
    b"out; give it more, or fewer --workers\n"
)


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """End the process with one line if the loop stands still, while it runs. Time in which this
    process is stopped, or gets no processor, does not count."""
    turned = threading.Event()

    def turn() -> None:
        turned.set()
        loop.call_later(_LOOK_S, turn)

    def look() -> None:
        still = 0
        while loop.is_running() and still < STILL_S:
            time.sleep(_LOOK_S)
            still = 0 if turned.is_set() else still + 1
            turned.clear()
        if loop.is_running():
            os.write(2, _LINE)
            os._exit(1)

    turn()
    threading.Thread(target=look, name="watchdog", daemon=True).start()
