"""Tests in several processes side by side, and one that must be alone while no other runs."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(door: Path, room: Path, *, alone: bool) -> Iterator[None]:
    """Be in the room with others, or alone. `door` and `room` are any two files that are there.

    Whoever waits for the room holds the door, so one who wants all of it gets it soon.
    """
    with door.open() as entering, room.open() as inside:
        fcntl.flock(entering, fcntl.LOCK_EX)
        fcntl.flock(inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(entering, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(inside, fcntl.LOCK_UN)  # closing is not enough while a forked child lives
