"""review: duplicate groups at hand, brought up to date, dismissed for good."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.config import Limits
from edge_app.errors import NotFoundError, UsageError
from edge_app.index.read.reader import Reader
from edge_app.index.write.batch import Batch
from edge_app.search import duplicates
from edge_app.search.dismissed import FILE as DISMISSED
from edge_app.search.dismissed import add_dismissed, read_dismissed
from edge_app.search.groups import FILE, Review
from tests.indexes import DIM, new_image, writer_of
from tests.waiting import PATIENCE_S

NEAR, FAR = 0.99, 0.2


def vector(direction: int, closeness: float = 1.0) -> NDArray[np.float32]:
    """A unit vector that scores `closeness` with direction's axis."""
    values = np.zeros(DIM, np.float32)
    values[direction] = closeness
    values[-1] = np.sqrt(1 - closeness**2)
    return values


def add(folder: Path, **vectors: NDArray[np.float32]) -> None:
    """Index one image for each name."""
    with writer_of(folder) as writer:
        images = [new_image(f"{name}.jpg", vector=value) for name, value in vectors.items()]
        writer.commit(Batch(images=images))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader(tmp_path / "index") as reader:
        yield reader


@pytest.fixture
def groups(tmp_path: Path, reader: Reader) -> Iterator[Review]:
    add(tmp_path, a=vector(0), b=vector(0, NEAR), c=vector(1), d=vector(2, FAR))
    review = Review(reader, Limits())
    yield review
    review.close()


def names(reader: Reader, review: Review, min_score: float = 0.95) -> list[list[str]]:
    found, pending = review.groups(min_score)
    assert not pending
    return [[reader.image(member.id).path for member in group.members] for group in found]


def test_groups_are_found(reader: Reader, groups: Review) -> None:
    assert names(reader, groups) == [["a.jpg", "b.jpg"]]


def test_new_images_join_and_only_they_are_compared(
    tmp_path: Path, reader: Reader, groups: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(reader, groups)
    known: list[object] = []

    def watched(*arguments: Any) -> duplicates.Links:
        known.append(arguments[2])
        return duplicates.link(*arguments)

    monkeypatch.setattr("edge_app.search.groups.link", watched)
    add(tmp_path, e=vector(1, NEAR))
    assert names(reader, groups) == [["a.jpg", "b.jpg"], ["c.jpg", "e.jpg"]]
    assert isinstance(known[0], duplicates.Links)
    assert known[0].rows == 4


def test_the_end_does_not_wait_for_a_comparison_that_will_not_stop(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, a=vector(0), b=vector(0, NEAR))
    going_on, begun = threading.Event(), threading.Event()

    def endless(*_: object) -> None:
        begun.set()
        going_on.wait(PATIENCE_S)
        raise InterruptedError

    monkeypatch.setattr("edge_app.search.groups.link", endless)
    review = Review(reader, Limits(drain_s=0.1, duplicate_wait_s=0.0))
    try:
        assert review.groups(0.95) == ([], True)
        assert begun.wait(PATIENCE_S)
        closing = threading.Thread(target=review.close, daemon=True)
        closing.start()
        closing.join(PATIENCE_S / 2)  # while the comparison goes on
        assert not closing.is_alive()
        assert review._work is not None
        assert review._work.daemon, "or the interpreter would wait for it"
    finally:
        going_on.set()


def test_a_restart_takes_up_what_was_found(
    reader: Reader, groups: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = names(reader, groups)
    monkeypatch.setattr("edge_app.search.groups.link", None)  # comparing again would fail
    assert names(reader, Review(reader, Limits())) == before


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x03\x04"])
def test_a_damaged_file_of_links_is_made_anew(
    reader: Reader, groups: Review, damage: bytes
) -> None:
    before = names(reader, groups)
    (reader.index / FILE).write_bytes(damage)
    assert names(reader, Review(reader, Limits())) == before


def test_links_of_another_index_are_not_believed(tmp_path: Path, groups: Review) -> None:
    with Reader(tmp_path / "index") as reader:
        names(reader, groups)
    add(tmp_path / "other", a=vector(3), b=vector(4), c=vector(5), d=vector(6))
    (tmp_path / "index" / FILE).rename(tmp_path / "other/index" / FILE)
    with Reader(tmp_path / "other/index") as reader:
        assert names(reader, Review(reader, Limits())) == []


def test_a_lower_score_finds_more(tmp_path: Path, reader: Reader, groups: Review) -> None:
    add(tmp_path, f=vector(1, 0.9))
    assert len(names(reader, groups, 0.95)) == 1
    assert len(names(reader, groups, 0.85)) == 2
    assert len(names(reader, groups, 0.999)) == 0


def test_a_dismissed_group_stays_dismissed(reader: Reader, groups: Review) -> None:
    (group,), _ = groups.groups(0.95)
    assert groups.dismiss([member.id for member in group.members]) == 1
    assert names(reader, groups) == []
    assert names(reader, Review(reader, Limits())) == []
    assert groups.dismiss([member.id for member in group.members]) == 0


def test_dismissal_needs_no_writer(tmp_path: Path, reader: Reader, groups: Review) -> None:
    """An index run may hold the index for hours; a click must not wait for it."""
    (group,), _ = groups.groups(0.95)
    with writer_of(tmp_path):
        assert groups.dismiss([member.id for member in group.members]) == 1


def test_what_cannot_be_dismissed_is_said(groups: Review) -> None:
    with pytest.raises(UsageError):
        groups.dismiss([1])
    with pytest.raises(NotFoundError):
        groups.dismiss([1, 999])


@pytest.mark.parametrize("min_score", [0.5, 1.1, float("nan")])
def test_a_score_out_of_range_is_refused(groups: Review, min_score: float) -> None:
    with pytest.raises(UsageError, match="min_score"):
        groups.groups(min_score)


def test_a_torn_line_loses_only_itself(tmp_path: Path) -> None:
    one, two, three = (bytes([number]) * 16 for number in (1, 2, 3))
    add_dismissed(tmp_path, [(two, one)])
    file = tmp_path / DISMISSED
    file.write_bytes(file.read_bytes() + b"0101")  # the plug was pulled
    assert add_dismissed(tmp_path, [(one, three)]) == 1
    assert read_dismissed(tmp_path) == {(one, two), (one, three)}
