"""fairlock: whoever has waited longest is next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from edge_app.index.read.fairlock import FairLock
from tools.testing.waiting import until


def test_it_goes_to_each_in_the_order_in_which_they_asked_but_last_to_who_keeps_it_long() -> None:
    lock, order = FairLock(), []

    def take(name: int) -> None:
        with lock.held(long=name == 1), lock.held():
            order.append(name)

    def waiting() -> int:
        return sum(map(len, lock._waiting))

    with ThreadPoolExecutor() as threads, lock.held():
        for name in range(4):
            threads.submit(take, name)
            until(lambda name=name: waiting() == name + 1)  # type: ignore[misc]
    assert order == [0, 2, 3, 1]
