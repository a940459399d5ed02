"""Originals of other machines are read ahead: many at once, bounded bytes, failures told apart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

import pytest

from edge_app.config import Limits
from edge_app.errors import DecodeError, LibraryError, NotFoundError, UnreadableError
from edge_app.indexing import reading
from edge_app.indexing.reading import AHEAD, Reads
from edge_app.indexing.stages import Result
from edge_app.library.remote.source import Remote
from edge_app.library.rules import Rules
from edge_app.library.scan import FoundFile
from edge_app.library.source import Elsewhere
from edge_app.photos.children.pool import DecodePool, Job, Outcome, Same
from tools.testing.waiting import PATIENCE_S


class Taker(DecodePool):
    """A pool that is done with every job at once."""

    def __init__(self) -> None:
        super().__init__(1, Limits(), 1)
        self.sizes: list[int] = []

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        for job in jobs:
            assert isinstance(job.source, bytes)
            self.sizes.append(len(job.source))
            yield job, Same()


class Far(Remote):
    """A source whose objects are read by a function."""

    def __init__(self, read: Callable[[str, int], bytes]) -> None:
        super().__init__("s3://bucket", None, Rules())
        self._read_one = read

    def to_decode(self, path: str, size_bytes: int) -> bytes:
        return self._read_one(path, size_bytes)


def files(count: int, size_bytes: int = 10) -> list[FoundFile]:
    return [FoundFile(f"{number}.jpg", size_bytes, 0) for number in range(count)]


def read(source: Far, found: list[FoundFile], limits: Limits = Limits()) -> dict[str, Result]:  # noqa: B008
    outcomes = Reads(source, limits, {}).outcomes(Taker(), found, Job)
    return {file.path: outcome for file, outcome in outcomes}


def test_so_many_round_trips_are_under_way_at_once() -> None:
    """Each read waits until the others are there: one at a time would never end."""
    together = threading.Barrier(AHEAD)

    def answer(path: str, size_bytes: int) -> bytes:
        together.wait(PATIENCE_S)
        return bytes(size_bytes)

    assert len(read(Far(answer), files(3 * AHEAD))) == 3 * AHEAD


def test_what_is_read_ahead_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AHEAD_BYTES", 1000)
    begun: list[int] = []
    taken = Taker()

    def answer(path: str, size_bytes: int) -> bytes:
        begun.append(size_bytes)
        # Bytes that were asked for and not yet taken.
        assert sum(begun) - sum(taken.sizes) <= 1000 + 400
        return bytes(size_bytes)

    source = Far(answer)
    done = list(Reads(source, Limits(), {}).outcomes(taken, files(50, 400), Job))
    assert len(done) == 50


def test_one_that_is_larger_than_all_room_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AHEAD_BYTES", 1000)
    found = [*files(3), FoundFile("large.jpg", 5000, 0), *files(0)]
    assert len(read(Far(lambda path, size_bytes: bytes(size_bytes)), found)) == 4


def test_a_photo_over_the_size_limit_is_refused_unread() -> None:
    asked: list[str] = []

    def answer(path: str, size_bytes: int) -> bytes:
        asked.append(path)
        return bytes(size_bytes)

    found = [FoundFile("huge.jpg", 5000, 0), FoundFile("a.jpg", 5, 0)]
    outcomes = read(Far(answer), found, Limits(file_bytes=1000))
    assert asked == ["a.jpg"]
    assert isinstance(outcomes["huge.jpg"], DecodeError) and "--file-size" in str(
        outcomes["huge.jpg"]
    )


def test_what_is_wrong_with_one_photo_concerns_no_other() -> None:
    errors: dict[str, Exception] = {
        "1.jpg": NotFoundError("gone"),
        "2.jpg": UnreadableError("changed"),
    }

    def answer(path: str, size_bytes: int) -> bytes:
        if path in errors:
            raise errors[path]
        return bytes(size_bytes)

    outcomes = read(Far(answer), files(5))
    assert {path: type(outcome) for path, outcome in outcomes.items()} == {
        "0.jpg": Same, "1.jpg": UnreadableError, "2.jpg": UnreadableError, "3.jpg": Same,
        "4.jpg": Same,
    }  # fmt: skip


def test_of_a_source_that_is_gone_no_more_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AHEAD", 2)
    asked: list[str] = []

    def answer(path: str, size_bytes: int) -> bytes:
        asked.append(path)
        if len(asked) > 10:
            raise LibraryError("s3://bucket can't be reached")
        return bytes(size_bytes)

    reads = Reads(Far(answer), Limits(), {})
    done = list(reads.outcomes(Taker(), files(1000), Job))
    assert len(done) == 10
    assert reads.unreachable == {"": "s3://bucket can't be reached"}
    assert len(asked) < 30


class Machine(Taker):
    """Reads by itself what it can reach, which are every other one."""

    def __init__(self, local: Taker) -> None:
        super().__init__()
        self.local = local  # type: ignore[assignment]

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        for number, job in enumerate(jobs):
            assert isinstance(job.source, Elsewhere)
            yield job, Same() if number % 2 else job.source  # type: ignore[misc]


def test_what_no_machine_reads_is_read_here() -> None:
    asked: list[str] = []

    def answer(path: str, size_bytes: int) -> bytes:
        asked.append(path)
        return bytes(size_bytes)

    local, found = Taker(), files(9)
    outcomes = dict(Reads(Far(answer), Limits(), {}).outcomes(Machine(local), found, Job))
    assert outcomes.keys() == set(found)
    assert set(map(type, outcomes.values())) == {Same}
    assert sorted(asked) == [file.path for file in found[::2]]
    assert local.sizes == [10] * 5
