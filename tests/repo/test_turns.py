"""turns: what `make test` does with tests marked `alone`."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from tools.testing.turns import turn
from tools.testing.waiting import until


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("door", "room"):
        (tmp_path / name).touch()
    return tmp_path / "door", tmp_path / "room"


def is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_others_are_in_the_room_together(places: tuple[Path, Path]) -> None:
    with turn(*places, alone=False), turn(*places, alone=False):
        assert is_locked(places[1])
    assert not is_locked(places[1])


def test_who_must_be_alone_waits_for_those_inside_and_goes_before_those_who_come_later(
    places: tuple[Path, Path],
) -> None:
    door, _ = places
    entered: list[str] = []

    def enter(name: str, alone: bool) -> None:
        with turn(*places, alone=alone):
            entered.append(name)

    threads = [threading.Thread(target=enter, args=("alone", True))]
    with turn(*places, alone=False):
        threads[0].start()
        until(lambda: is_locked(door))  # it waits, and lets nobody in before it
        threads.append(threading.Thread(target=enter, args=("later", False)))
        threads[1].start()
        assert entered == []
    for thread in threads:
        thread.join()
    assert entered == ["alone", "later"]
