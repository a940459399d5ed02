"""Fingers on the screen, as the browser gets them: it decides what scrolls and what is ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

Point = tuple[float, float]  # CSS pixels of the window
STEPS = 8
FRAME_MS = 16


def drag(page: Page, *paths: tuple[Point, Point]) -> None:
    """One finger a path, all down at the same time, moved from its start to its end and lifted."""
    client = page.context.new_cdp_session(page)

    def send(kind: str, part: float) -> None:
        touches = [
            {"x": x + (to_x - x) * part, "y": y + (to_y - y) * part, "id": finger}
            for finger, ((x, y), (to_x, to_y)) in enumerate(paths)
        ]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        page.wait_for_timeout(FRAME_MS)

    send("touchStart", 0)
    for step in range(1, STEPS + 1):
        send("touchMove", step / STEPS)
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    client.detach()


@contextmanager
def held(page: Page, at: Point) -> Iterator[None]:
    """One finger, held still meanwhile."""
    client = page.context.new_cdp_session(page)
    touch = [{"x": at[0], "y": at[1]}]
    client.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": touch})
    yield
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    client.detach()


def double_tap(page: Page, at: Point, between: Callable[[], object] = lambda: None) -> None:
    """Two taps in a tenth of a second, by their own clock, however late they arrive; and a second
    after any tap before, which they have nothing to do with. `between` is called when the first has
    ended."""
    client = page.context.new_cdp_session(page)
    began_s = time.time() + 1
    for after_s, points in ((0.0, 1), (0.02, 0), (0.08, 1), (0.1, 0)):
        if after_s == 0.08:
            between()
        client.send(
            "Input.dispatchTouchEvent",
            {
                "type": "touchStart" if points else "touchEnd",
                "touchPoints": [{"x": at[0], "y": at[1]}] * points,
                "timestamp": began_s + after_s,
            },
        )
    client.detach()
