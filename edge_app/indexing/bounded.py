"""Runs calls in threads, a limited number of them ahead of the reader of the results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Result = TypeVar("Result")


class Ahead(Generic[Result]):
    """Up to `threads` calls at a time. Their results, or what they raised, come in their order.

    When the `with` block ends, calls that run are waited for, and those that wait are dropped.
    """

    def __init__(self, threads: int, most: int) -> None:
        self._threads = ThreadPoolExecutor(threads)
        self._most = most  # calls under way that `done` doesn't wait for
        self._under_way: deque[Future[Result]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def start(self, call: Callable[[], Result]) -> None:
        """Have a thread make the call."""
        self._under_way.append(self._threads.submit(call))

    def done(self) -> Iterator[Result]:
        """The results there are; waits only until no more than `most` calls are under way."""
        while len(self._under_way) > self._most or (self._under_way and self._under_way[0].done()):
            yield self._under_way.popleft().result()

    def rest(self) -> Iterator[Result]:
        """The results of all calls under way."""
        while self._under_way:
            yield self._under_way.popleft().result()
