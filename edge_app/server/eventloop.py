"""Waits for sockets with epoll; a turn costs what happened, not what is connected.

waitress asks every connection before every wait what it waits for. Here a connection is asked
after something happened to it: an event, or a thread that worked for it (and said so through
`wake`).
"""

from __future__ import annotations

import select
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from waitress import wasyncore

ONCE = select.EPOLLONESHOT  # after an event nothing more of this socket until it is asked again


class EventLoop:
    """Calls the handlers of wasyncore dispatchers when their sockets are ready."""

    def __init__(self, dispatchers: Mapping[int, Any]) -> None:
        """`dispatchers` by descriptor, as wasyncore keeps them."""
        self._epoll = select.epoll()
        self._dispatchers = dispatchers
        self._changed: deque[Any] = deque()  # dispatchers to ask again; threads append
        self._due: deque[Callable[[], None]] = deque()  # what to call; threads append
        self._awake = False
        self._working_for = threading.local()

    def close(self) -> None:
        self._epoll.close()

    def watch(self, dispatcher: Any) -> None:
        """Call its handlers from now on, until it is closed."""
        self._epoll.register(dispatcher.socket.fileno(), select.EPOLLIN | ONCE)

    @contextmanager
    def on_behalf_of(self, dispatcher: Any) -> Iterator[None]:
        """What this thread does meanwhile may change what the dispatcher waits for."""
        self._working_for.dispatcher = dispatcher
        try:
            yield
        finally:
            self._working_for.dispatcher = None

    def works_for(self, dispatcher: Any) -> bool:
        """Whether this thread acts on behalf of the dispatcher."""
        return getattr(self._working_for, "dispatcher", None) is dispatcher

    def wake(self, trigger: Any) -> None:
        """End the wait, from any thread; asks the dispatcher that the thread works for again."""
        dispatcher = getattr(self._working_for, "dispatcher", None)
        if dispatcher is not None:
            self._changed.append(dispatcher)
        if not self._awake:
            self._awake = True
            trigger.pull_trigger()

    def ask_again(self, dispatcher: Any) -> None:
        """In this turn: what it waits for may have changed. In the loop's own thread only."""
        self._changed.append(dispatcher)

    def soon(self, call: Callable[[], None], trigger: Any) -> None:
        """Call something in the loop's own thread, in this turn or the next; from any thread."""
        self._due.append(call)
        self.wake(trigger)

    def turn(self, timeout_s: float) -> None:
        """Wait for events and handle them."""
        events = self._epoll.poll(0 if self._due else timeout_s)
        self._awake = False  # before the queues are read: who appends later wakes us again
        # Listeners last: who is accepted may get the number of a connection that was just closed,
        # and must not get its events.
        ready = [(self._dispatchers[fd], flags) for fd, flags in events if fd in self._dispatchers]
        for dispatcher, flags in sorted(ready, key=lambda pair: pair[0].accepting):
            if dispatcher.socket is not None:  # or a thread has closed it since
                wasyncore.readwrite(dispatcher, flags)
                self._ask(dispatcher)
        # Those due now and no more: a client that has sent 300 requests ahead is due again after
        # each of them, and all others would wait for its last.
        for _ in range(len(self._due)):
            self._due.popleft()()
        while self._changed:
            self._ask(self._changed.popleft())

    def _ask(self, dispatcher: Any) -> None:
        if dispatcher.socket is None:
            return  # closed; the kernel has forgotten it by itself
        flags = 0
        if dispatcher.readable():
            flags |= select.EPOLLIN
        if dispatcher.writable() and not dispatcher.accepting:
            flags |= select.EPOLLOUT
        if flags:
            self._epoll.modify(dispatcher.socket.fileno(), flags | ONCE)
