"""eventloop: nobody waits for more than one request of each other client."""

from __future__ import annotations

from functools import partial

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
