"""Waiting for what must happen, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 120.0  # for what takes a second on an idle machine: who waits so long has found a hang
PROGRAM_S = 5 * PATIENCE_S  # for a whole program, which may be a nice one


def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Return as soon as this is so."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
