"""eventloop: nobody waits for more than one request of each other client."""

from __future__ import annotations

import socket
from functools import partial

import pytest
from waitress import wasyncore

from edge_app.server.eventloop import EventLoop


class Trigger:
    def pull_trigger(self) -> None:
        pass


def test_a_client_with_300_requests_ahead_gets_one_answer_a_turn() -> None:
    loop, trigger = EventLoop({}), Trigger()
    served: list[str] = []
    left = {"greedy": 300, "another": 300, "modest": 1}

    def serve(name: str) -> None:
        served.append(name)
        left[name] -= 1
        if left[name]:
            loop.soon(partial(serve, name), trigger)

    for name in left:
        loop.soon(partial(serve, name), trigger)
    try:
        loop.turn(0)
        assert served == ["greedy", "another", "modest"]
        loop.turn(60)  # what is due is not waited for
        assert served[3:] == ["greedy", "another"]
        for _ in range(298):
            loop.turn(60)
        assert not any(left.values())
    finally:
        loop.close()


class End(wasyncore.dispatcher):  # type: ignore[misc]
    """One end of a connection that has something to read; reading it closes another."""

    def __init__(self, dispatchers: dict[int, object], connection: socket.socket) -> None:
        super().__init__(connection, dispatchers)
        self.others: list[End] = []

    def handle_read(self) -> None:
        for other in self.others:
            other.close()
        self.recv(1)


def test_what_another_has_closed_meanwhile_is_not_read(caplog: pytest.LogCaptureFixture) -> None:
    dispatchers: dict[int, object] = {}
    loop = EventLoop(dispatchers)
    pairs = [socket.socketpair() for _ in range(2)]
    ends = [End(dispatchers, mine) for mine, _ in pairs]
    try:
        for end, other, (_, theirs) in zip(ends, reversed(ends), pairs, strict=True):
            end.others = [other]
            theirs.send(b"x")
            loop.watch(end)
        loop.turn(60)
        assert [end.socket is None for end in ends].count(True) == 1
        assert not caplog.records
    finally:
        loop.close()
        for end in ends:
            end.close()
        for _, theirs in pairs:
            theirs.close()
