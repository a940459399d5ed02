"""What every suite needs: the model, turns for tests that must be alone, no niceness,
and signals that do what they do elsewhere."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from edge_app.config import Config
from tools.testing import hurried
from tools.testing.turns import turn

ROOT = Path(__file__).parent.parent.parent
DOOR, ROOM = Path(__file__), ROOT / "pyproject.toml"  # files that are there, to lock


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest-timeout: waiting here is no hang
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    # As of a program that somebody has typed, and so of all that a test starts: a shell has what is
    # in the background ignore Ctrl-C, and `serve` called in this process leaves SIGTERM ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    alone = item.get_closest_marker("alone") is not None
    with turn(DOOR, ROOM, alone=alone):
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def not_nice() -> Iterator[None]:
    """`index` called in this process would make it, and all tests after that one, nice for good.
    What it starts would wait for all that is not nice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "setpriority", lambda *_: None)
        for change in hurried.changes():
            patch.setattr(*change)
        yield


@pytest.fixture(scope="session")
def model() -> Path:
    """The real model; `make model` makes it."""
    path = ROOT / Config().model
    if not path.exists():
        pytest.skip(f"{path.name} is not there; `make model` makes it")
    return path
