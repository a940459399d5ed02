"""bounded: calls in threads, results in order, and never more under way than asked for."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from edge_app.indexing.bounded import Ahead
from tools.testing.waiting import PATIENCE_S


def test_results_come_in_the_order_of_the_calls() -> None:
    first_may_end = threading.Event()

    def slow() -> str:
        assert first_may_end.wait(PATIENCE_S)
        return "slow"

    with Ahead[str](threads=2, most=2) as calls:
        calls.start(slow)
        calls.start(lambda: "quick")
        assert list(calls.done()) == []  # neither too many under way, nor the first one done
        first_may_end.set()
        assert list(calls.rest()) == ["slow", "quick"]


def test_done_waits_only_for_what_is_too_much() -> None:
    with Ahead[int](threads=1, most=1) as calls:
        taken: list[int] = []
        for number in range(5):
            calls.start(partial(int, number))
            taken += calls.done()
            assert len(taken) >= number
        taken += calls.rest()
    assert taken == [0, 1, 2, 3, 4]


def test_what_a_call_raises_comes_in_the_place_of_its_result() -> None:
    with Ahead[int](threads=1, most=1) as calls:
        calls.start(partial(int, "no number"))
        with pytest.raises(ValueError, match="no number"):
            list(calls.rest())


def test_an_error_drops_the_calls_that_have_not_begun() -> None:
    begun = threading.Event()
    may_end = threading.Event()
    made = []

    def first() -> None:
        begun.set()
        assert may_end.wait(PATIENCE_S)
        made.append("first")

    with pytest.raises(KeyError), Ahead[None](threads=1, most=9) as calls:
        calls.start(first)
        calls.start(lambda: made.append("second"))
        assert begun.wait(PATIENCE_S)
        threading.Timer(0.05, may_end.set).start()
        raise KeyError
    assert made == ["first"]
