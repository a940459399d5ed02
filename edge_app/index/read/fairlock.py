"""A lock that goes to whoever has waited longest; who keeps it long lets the others go before."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class FairLock:
    """`with lock.held():` for one thread at a time, in the order in which they asked; one that has
    it may ask again.

    With Python's own a thread that lets go and asks again often has it before one that waits has
    woken: one that wanted a record waited 130 ms for one that read a thousand, a hundred at a time.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner: int | None = None
        self._depth = 0
        # Threads, each with its closed door; those that keep it for long are the second.
        self._waiting: tuple[deque[tuple[int, threading.Lock]], ...] = (deque(), deque())

    @contextmanager
    def held(self, *, long: bool = False) -> Iterator[None]:
        """`long`: for more than a few milliseconds; all others that wait go first."""
        self._acquire(long)
        try:
            yield
        finally:
            self._release()

    def _acquire(self, long: bool) -> None:
        me = threading.get_ident()
        with self._guard:
            if self._owner in (None, me):
                self._owner = me
                self._depth += 1
                return
            door = threading.Lock()
            door.acquire()
            self._waiting[long].append((me, door))
        door.acquire()

    def _release(self) -> None:
        with self._guard:
            if self._depth > 1:
                self._depth -= 1
            elif waiting := self._waiting[0] or self._waiting[1]:
                self._owner, door = waiting.popleft()
                door.release()
            else:
                self._owner, self._depth = None, 0
