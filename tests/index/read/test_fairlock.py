"""fairlock: whoever has waited longest is next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from edge_app.index.read.fairlock import FairLock
from tools.testing.waiting import until


def test_it_goes_to_each_in_the_order_in_which_they_asked() -> None:
    lock, order = FairLock(), []

    def take(name: int) -> None:
        with lock, lock:
            order.append(name)

    with ThreadPoolExecutor() as threads:
        with lock:
            for name in range(4):
                threads.submit(take, name)
                until(lambda name=name: len(lock._waiting) == name + 1)  # type: ignore[misc]
        take(4)  # who asks again at once comes last
    assert order == [0, 1, 2, 3, 4]
