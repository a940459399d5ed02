"""Whose request gets the next thread: the client's for whom the fewest threads work.

Not who came first: a client that sends sixty slow requests would make all others wait for them.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from waitress.task import ThreadedTaskDispatcher

from edge_app.server.clients import network_of

T = TypeVar("T")
RECENT_S = 10.0  # a client that asked within this time is there
REMEMBERED = 1000  # clients whose last turn is known; who has had none goes first


@dataclass(eq=False, slots=True)
class Turn:
    """A connection whose request waits for a thread, or has one."""

    channel: Any  # with `service` and `cancel`
    address: str
    slow: bool  # may take seconds
    network: str = field(init=False)
    number: int = 0  # in the order of arrival
    after: Callable[[Turn], None] = field(default=lambda turn: None)

    def __post_init__(self) -> None:
        self.network = network_of(self.address)

    def service(self) -> None:
        try:
            self.channel.service()
        finally:
            self.after(self)

    def cancel(self) -> None:
        self.channel.cancel()


class Queue:
    """Turns that wait; the lock of whoever uses it guards it.

    No more than `slow_most` slow ones are under way, so that threads stay free for the others. Of
    one client, while others are there, no more than `client_slow_most` slow ones are, and one that
    is not slow: threads share one Python and one catalogue, and a request beside seven others takes
    eight times as long.
    """

    def __init__(self, most: int, slow_most: int, client_slow_most: int) -> None:
        self.most, self.slow_most, self.client_slow_most = most, slow_most, client_slow_most
        self._waiting: list[Turn] = []
        self._working = Counter[str]()  # threads, by network and by address
        self._slow = Counter[str]()  # of those, the slow ones; "" is all of them
        self._served: dict[str, int] = {}  # by network and by address, the latest last
        self._seen: dict[str, float] = {}  # when a network asked last, the latest last
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._waiting)

    def __bool__(self) -> bool:
        """Whether one of them may begin now."""
        return any(map(self._may_begin, self._waiting))

    def add(self, turn: Turn) -> Turn | None:
        """The one that finds no room: the latest of the client with the most."""
        turn.number = next(self._numbers)
        self._waiting.append(turn)
        _put_last(self._seen, turn.network, time.monotonic())
        if len(self._waiting) <= self.most:
            return None
        crowd = Counter[str]()
        for one in self._waiting:
            crowd.update({one.network, one.address})
        last = max(
            self._waiting, key=lambda one: (crowd[one.network], crowd[one.address], one.number)
        )
        self._waiting.remove(last)
        return last

    def popleft(self) -> Turn:
        """The one that begins now. The name is a deque's, which waitress expects."""
        turn = min(filter(self._may_begin, self._waiting), key=self._rank)
        self._waiting.remove(turn)
        for name in (turn.network, turn.address):
            _put_last(self._served, name, next(self._numbers))
        self._working.update({turn.network, turn.address})
        if turn.slow:
            self._slow.update({"", turn.network})
        return turn

    def done(self, turn: Turn) -> None:
        """Its thread is free again."""
        _less(self._working, {turn.network, turn.address})
        if turn.slow:
            _less(self._slow, {"", turn.network})

    def _may_begin(self, turn: Turn) -> bool:
        if turn.slow and self._slow[""] >= self.slow_most:
            return False
        slow = self._slow[turn.network]
        under_way = slow if turn.slow else self._working[turn.network] - slow
        most = self.client_slow_most if turn.slow else 1
        return under_way < most or self._is_alone(turn.network)

    def _is_alone(self, network: str) -> bool:
        """Whether nobody else has asked for a while."""
        other = next((name for name in reversed(self._seen) if name != network), None)
        return other is None or self._seen[other] < time.monotonic() - RECENT_S

    def _rank(self, turn: Turn) -> tuple[int, ...]:
        shares = (
            (self._working[name], self._served.get(name, 0))
            for name in (turn.network, turn.address)
        )
        return *itertools.chain.from_iterable(shares), turn.number


def _less(counts: Counter[str], names: set[str]) -> None:
    for name in names:
        counts[name] -= 1
        if not counts[name]:
            del counts[name]


def _put_last(table: dict[str, T], name: str, value: T) -> None:
    """Remember a value; the oldest of too many is forgotten."""
    table.pop(name, None)
    table[name] = value
    if len(table) > REMEMBERED:
        del table[next(iter(table))]


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Threads that take turns."""

    def __init__(self, threads: int, queue: Queue) -> None:
        super().__init__()
        self.queue = queue
        self.set_thread_count(threads)

    def offer(self, turn: Turn) -> Turn | None:
        """Have a thread answer it; the one, this or another, for which the queue has no room."""
        turn.after = self._done
        with self.lock:
            turned_away = self.queue.add(turn)
            self.queue_cv.notify()
        return turned_away

    def _done(self, turn: Turn) -> None:
        with self.lock:
            self.queue.done(turn)
