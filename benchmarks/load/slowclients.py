"""Clients that hold connections without asking for anything: idle ones, and ones that drip bytes.

    python -m benchmarks.load.slowclients PORT IDLE DRIPPING SECONDS

Whoever is cut off connects again at once. Prints how often that was.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from contextlib import suppress

DRIP_S = 0.1


def hold(port: int, idle: int, dripping: int, seconds: float) -> int:
    """Keep so many connections open; the number of times one was closed by the server."""
    selector = selectors.DefaultSelector()
    drips: set[socket.socket] = set()

    def connect(drip: bool) -> None:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setblocking(False)
        if drip:
            connection.send(b"GET / HTTP/1.1\r\nX-Slow: ")
            drips.add(connection)
        selector.register(connection, selectors.EVENT_READ, drip)

    for number in range(idle + dripping):
        connect(number >= idle)
    print("ready", flush=True)
    cut, next_drip, end = 0, 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        for key, _ in selector.select(DRIP_S / 2):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            selector.unregister(connection)
            drips.discard(connection)
            connection.close()
            cut += 1
            if key.data:  # an idle one has nothing to gain
                connect(True)
        if time.monotonic() >= next_drip:
            next_drip = time.monotonic() + DRIP_S
            for connection in drips:
                with suppress(OSError):  # it is seen as readable next
                    connection.send(b"x")
    return cut


if __name__ == "__main__":
    print(hold(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
