"""turns, clients: threads go round among clients, whoever sends most."""

from __future__ import annotations

import pytest

from edge_app.server import turns
from edge_app.server.clients import network_of
from edge_app.server.turns import Queue, Turn


def begun(queue: Queue) -> list[str]:
    """The addresses in the order of their turns, each of which is done before the next."""
    order = []
    while queue:
        turn = queue.popleft()
        order.append(turn.address)
        queue.done(turn)
    return order


def turn(address: str, *, slow: bool = False) -> Turn:
    return Turn(None, address, slow)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("::ffff:192.168.1.7", "192.168.1.7"),
        ("192.168.1.7:5000", "192.168.1.7"),
        ("[2001:db8:0:1::7]:5000", "2001:db8:0:1::/64"),
        ("[2001:db8:0:1::7]", "2001:db8:0:1::/64"),
        ("a proxy's word", "a proxy's word"),
        ("[unknown]:1", "[unknown]:1"),
    ],
)
def test_an_ipv6_client_is_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_who_sends_sixty_requests_does_not_go_before_who_sends_one() -> None:
    queue = Queue(64, 4, 4)
    for address in ["10.0.0.1"] * 60 + ["10.0.0.2", "10.0.0.3"]:
        assert queue.add(turn(address)) is None
    assert begun(queue)[:4] == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1"]


def test_the_client_for_whom_no_thread_works_goes_first() -> None:
    queue = Queue(64, 4, 4)
    for address in ["10.0.0.1"] * 9:
        queue.add(turn(address))
    for _ in range(3):
        queue.popleft()  # three threads are busy with it
    queue.add(turn("10.0.0.2"))
    assert queue.popleft().address == "10.0.0.2"


def test_addresses_of_one_network_share_its_turns() -> None:
    queue = Queue(64, 4, 4)
    crowd = [f"2001:db8::{number:x}" for number in range(1, 31)]
    for address in [*crowd, "2001:db8::1", "10.0.0.2", "10.0.0.2", "10.0.0.2"]:
        queue.add(turn(address))
    order = begun(queue)
    assert order[1:6:2] == ["10.0.0.2"] * 3
    assert order[-1] == "2001:db8::1"  # which has had a turn before


def test_when_the_queue_is_full_the_last_of_the_client_with_the_most_goes() -> None:
    queue = Queue(4, 4, 4)
    waiting = [turn(address) for address in ["10.0.0.1"] * 3 + ["10.0.0.2"]]
    assert [queue.add(one) for one in waiting] == [None] * 4
    assert queue.add(turn("10.0.0.3")) is waiting[2]
    late = turn("10.0.0.1")
    assert queue.add(late) is late
    assert len(queue) == 4


def test_slow_requests_leave_threads_free() -> None:
    queue = Queue(64, 2, 4)
    slow = [turn("10.0.0.1", slow=True) for _ in range(3)]
    for one in slow:
        queue.add(one)
    assert [queue.popleft(), queue.popleft()] == slow[:2]
    assert not queue
    queue.add(turn("10.0.0.1"))
    assert not queue.popleft().slow
    queue.done(slow[0])
    assert queue.popleft() is slow[2]


def test_one_client_has_few_threads_while_others_are_there_and_all_when_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("edge_app.server.turns.time.monotonic", lambda: now)
    queue = Queue(64, 4, 2)
    for _ in range(9):
        queue.add(turn("10.0.0.1"))
    begun = [queue.popleft() for _ in range(5)]  # it is alone
    queue.add(turn("10.0.0.2"))
    begun.append(queue.popleft())
    assert begun[-1].address == "10.0.0.2"
    assert not queue
    for one in begun[:4]:
        queue.done(one)
    assert not queue
    queue.done(begun[4])
    assert queue.popleft().address == "10.0.0.1"
    assert not queue
    now += turns.RECENT_S + 1
    assert queue


def test_a_client_that_waits_for_slow_requests_is_answered_others_meanwhile() -> None:
    queue = Queue(64, 4, 2)
    queue.add(turn("10.0.0.2"))
    for slow in (True, True, True, False, False):
        queue.add(turn("10.0.0.1", slow=slow))
    assert begun_of(queue, "10.0.0.1") == [True, True, False]


def begun_of(queue: Queue, address: str) -> list[bool]:
    """Which of a client's requests begin before any is done: whether each is slow."""
    found = []
    while queue:
        one = queue.popleft()
        if one.address == address:
            found.append(one.slow)
    return found


def test_what_is_remembered_of_clients_is_bounded() -> None:
    queue = Queue(64, 4, 4)
    for number in range(5000):
        queue.add(turn(f"10.0.{number // 250}.{number % 250}"))
        queue.done(queue.popleft())
    assert len(queue._served) <= turns.REMEMBERED
    assert len(queue._seen) <= turns.REMEMBERED
    assert not queue._working
