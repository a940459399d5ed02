"""A decoder that does what its bytes say, for tests of the pool; children load it by name."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from edge_app.config import Limits
from edge_app.errors import DecodeError
from edge_app.library.remote.access import VARIABLES
from edge_app.photos.children.decode import Decoded
from edge_app.photos.regions import Box

poisoned = False


def decode(data: bytes, size_px: int, limits: Limits, boxes: Sequence[Box]) -> Decoded:
    """Follow the instruction in `data`; the answer's `camera` tells which process gave it."""
    global poisoned
    word, _, rest = data.partition(b" ")
    if word == b"crash" or poisoned:
        ctypes.string_at(0)
    elif word == b"hang":
        while True:
            pass
    elif word == b"memory":
        hoard = [bytearray(1 << 24)]
        while True:
            hoard.append(bytearray(1 << 24))
    elif word == b"exit":
        os._exit(3)
    elif word == b"killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == b"bug":
        raise ZeroDivisionError
    elif word == b"reach":
        raise DecodeError(" ".join(reached()))
    elif word == b"refuse":
        raise DecodeError("refused")
    elif word == b"print":
        print("noise", flush=True)
        os.write(1, b"more noise")
        print("even more", file=sys.stderr, flush=True)
    elif word == b"poison":  # harms the process, and shows only with the next image
        poisoned = True
    elif word == b"sleep":
        time.sleep(float(rest))
    elif word == b"compute":  # so many seconds, on the first processor
        os.sched_setaffinity(0, {0})
        start_s = time.process_time()
        while time.process_time() - start_s < float(rest):
            pass
    return Decoded(
        views=bytes(len(boxes) * size_px * size_px * 3),
        thumbnail=b"",
        width_px=1,
        height_px=1,
        format=word.decode(),
        taken_at=None,
        taken_from=None,
        taken_ms=None,
        located=False,
        note=None,
        camera=f"{os.getpid()} {os.nice(0)}",
        content=bytes(16),
        pattern=0,
    )


def reached() -> list[str]:
    """What this process has that a decoder has no need of: sockets, keys, files."""
    found = []
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
        with suppress(PermissionError), socket.socket(family):
            found.append(family.name)
    python = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], check=False)
    found += [] if python.returncode else ["a socket in a process started"]
    found += [name for name in VARIABLES if name in os.environ]
    places = (os.readlink(f"/proc/self/fd/{number}") for number in range(64) if _is_open(number))
    return found + [place for place in places if not place.startswith(("/dev/null", "pipe:"))]


def _is_open(number: int) -> bool:
    return os.path.islink(f"/proc/self/fd/{number}")
