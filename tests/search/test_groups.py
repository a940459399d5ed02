"""groups: duplicate groups at hand, brought up to date, dismissed for good."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.errors import NotFoundError, StoreError, UsageError
from edge_app.index.format.linkfile import FILE, load_links
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check, repair
from edge_app.index.write import decided
from edge_app.index.write.batch import Batch
from edge_app.index.write.dismissed import FILE as DISMISSED
from edge_app.index.write.dismissed import add_dismissed, read_dismissed
from edge_app.search.alike import duplicates
from edge_app.search.alike.groups import Review
from edge_app.search.alike.kinds import NOTHING
from tests.indexes import DIM, new_image, writer_of
from tools.testing.waiting import PATIENCE_S, until

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


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine compares late."""
    monkeypatch.setattr("edge_app.search.alike.groups.WAIT_S", PATIENCE_S)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader(tmp_path / "index") as reader:
        yield reader


@pytest.fixture
def groups(tmp_path: Path, reader: Reader) -> Iterator[Review]:
    add(tmp_path, a=vector(0), b=vector(0, NEAR), c=vector(1), d=vector(2, FAR))
    review = Review(reader)
    yield review
    review.close()


def names(reader: Reader, review: Review, min_score: float = 0.95) -> list[list[str]]:
    found, pending = review.groups(min_score)
    assert not pending
    return [[reader.image(member.id).path for member in group.members] for group in found.groups]


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

    monkeypatch.setattr("edge_app.search.alike.groups.link", watched)
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

    monkeypatch.setattr("edge_app.search.alike.groups.link", endless)
    monkeypatch.setattr("edge_app.search.alike.groups.DRAIN_S", 0.1)
    monkeypatch.setattr("edge_app.search.alike.groups.WAIT_S", 0.0)
    review = Review(reader)
    try:
        assert review.groups(0.95) == (NOTHING, True)
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
    monkeypatch.setattr("edge_app.search.alike.groups.link", None)  # comparing again would fail
    assert names(reader, Review(reader)) == before


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x03\x04"])
def test_a_damaged_file_of_links_is_made_anew(
    reader: Reader, groups: Review, damage: bytes
) -> None:
    before = names(reader, groups)
    (reader.index / FILE).write_bytes(damage)
    assert names(reader, Review(reader)) == before


def test_check_finds_damaged_links_and_repair_clears_them(reader: Reader, groups: Review) -> None:
    before = names(reader, groups)
    assert check(reader.index).problems == []
    (reader.index / FILE).write_bytes(b"no archive")
    (problem,) = check(reader.index).problems
    assert "duplicates.npz is damaged" in str(problem)
    repair(reader.index)
    assert check(reader.index).problems == []
    assert names(reader, Review(reader)) == before


def test_links_of_any_size_are_not_read(reader: Reader, groups: Review) -> None:
    before = names(reader, groups)
    os.truncate(reader.index / FILE, 2**34)  # it takes no room
    (problem,) = check(reader.index).problems
    assert "it has more than 256 MiB" in str(problem)
    assert names(reader, Review(reader)) == before


def test_links_of_another_index_are_not_believed(tmp_path: Path, groups: Review) -> None:
    with Reader(tmp_path / "index") as reader:
        names(reader, groups)
    add(tmp_path / "other", a=vector(3), b=vector(4), c=vector(5), d=vector(6))
    (tmp_path / "index" / FILE).rename(tmp_path / "other/index" / FILE)
    with Reader(tmp_path / "other/index") as reader:
        assert names(reader, Review(reader)) == []


def test_a_lower_score_finds_more(tmp_path: Path, reader: Reader, groups: Review) -> None:
    add(tmp_path, f=vector(1, 0.9))
    assert len(names(reader, groups, 0.95)) == 1
    assert len(names(reader, groups, 0.85)) == 2
    assert len(names(reader, groups, 0.999)) == 0


def test_a_dismissed_group_stays_dismissed(reader: Reader, groups: Review) -> None:
    ((group,), *_), _ = groups.groups(0.95)
    assert groups.dismiss([member.id for member in group.members]) == 1
    assert names(reader, groups) == []
    assert names(reader, Review(reader)) == []
    assert groups.dismiss([member.id for member in group.members]) == 0


def test_a_dismissal_can_be_taken_back(reader: Reader, groups: Review) -> None:
    ((group,), *_), _ = groups.groups(0.95)
    ids = [member.id for member in group.members]
    groups.dismiss(ids)
    assert groups.restore(ids) == 1
    assert names(reader, groups) == [["a.jpg", "b.jpg"]]
    assert groups.restore(ids) == 0
    assert groups.dismiss(ids) == 1


def test_60_clients_with_falling_scores_wait_for_nothing_and_share_four_comparisons(
    reader: Reader, groups: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each used to start a comparison, and to hold a thread and a lock until it had ended."""
    going_on, least = threading.Event(), []

    def slow(snapshot: Any, score: float, *rest: Any) -> duplicates.Links:
        least.append(score)
        assert going_on.wait(PATIENCE_S)
        return duplicates.link(snapshot, score, *rest)

    monkeypatch.setattr("edge_app.search.alike.groups.link", slow)
    monkeypatch.setattr("edge_app.search.alike.groups.WAIT_S", 0.0)
    scores = [0.95 - 0.15 * number / 600 for number in range(600)]
    pending = [groups.groups(score)[1] for score in scores[:1]]
    answered = threading.Semaphore(0)

    def ask(some: list[float]) -> None:
        pending.extend(groups.groups(score)[1] for score in some)
        answered.release()

    # While one waits, as it may, the other 59 get their answers.
    monkeypatch.setattr("edge_app.search.alike.groups.WAIT_S", PATIENCE_S)
    waiting = threading.Thread(target=groups.groups, args=(0.9,), daemon=True)
    waiting.start()
    until(lambda: groups._waiting)
    clients = [threading.Thread(target=ask, args=(scores[n::59],), daemon=True) for n in range(59)]
    for client in clients:
        client.start()
    for _ in clients:
        assert answered.acquire(timeout=PATIENCE_S / 2)
    assert len(pending) == 601
    assert all(pending)
    assert len(least) == 1
    going_on.set()
    waiting.join(PATIENCE_S)
    until(lambda: groups._work is None)
    assert sorted(set(least)) == sorted(least)
    assert len(least) <= 4
    assert names(reader, groups, scores[-1]) == [["a.jpg", "b.jpg"]]


def test_progress_can_be_put_into_an_answer(reader: Reader, groups: Review) -> None:
    names(reader, groups)
    assert type(groups.progress) is float
    assert groups.progress > 0


def test_dismissing_is_all_or_nothing(tmp_path: Path) -> None:
    """4,950 pairs where a file may have 64 KiB: the kernel takes a part of what is written."""
    program = """
import itertools, resource, sys
from pathlib import Path
from edge_app.errors import DiskFullError
from edge_app.index.write.dismissed import add_dismissed, read_dismissed
folder = Path(sys.argv[1])
contents = [bytes([number]) * 16 for number in range(100)]
add_dismissed(folder, [(contents[0], contents[1])])
before = (folder / "dismissed.txt").read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
try:
    add_dismissed(folder, itertools.combinations(contents, 2))
except DiskFullError as error:
    print(error.status, (folder / "dismissed.txt").read_bytes() == before)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(add_dismissed(folder, itertools.combinations(contents, 2)), len(read_dismissed(folder)))
print(sorted(path.name for path in folder.iterdir()))
"""
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == ["507 True", "4949 4950", "['dismissed.txt']"]


def test_a_flipped_bit_in_the_links_is_noticed_or_does_not_matter(
    reader: Reader, groups: Review
) -> None:
    names(reader, groups)
    file = reader.index / FILE
    sound = file.read_bytes()
    kept = load_links(reader.index)
    noticed, bits = 0, range(0, len(sound) * 8, 5)
    for bit in bits:
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        try:
            found = load_links(reader.index)
        except ValueError:
            noticed += 1
        else:
            assert np.array_equal(found.pairs, kept.pairs)
            assert (found.rows, found.min_score) == (kept.rows, kept.min_score)
    assert len(bits) > 2000
    assert noticed > len(bits) / 2


def test_links_and_pipes_in_the_folder_are_not_followed(
    tmp_path: Path, reader: Reader, groups: Review
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (reader.index / "duplicates.part").symlink_to(precious)
    assert names(reader, groups) == [["a.jpg", "b.jpg"]]
    assert precious.read_text() == "mine"
    for make in (lambda path: path.symlink_to(precious), os.mkfifo, os.mkdir):
        dismissed = reader.index / DISMISSED
        make(dismissed)
        with pytest.raises(StoreError, match="regular files only"):
            groups.dismiss([1, 2])
        with pytest.raises(StoreError, match="regular files only"):
            read_dismissed(reader.index)
        dismissed.rename(tmp_path / f"aside-{make.__name__}")
    assert precious.read_text() == "mine"


def test_dismissal_needs_no_writer(tmp_path: Path, reader: Reader, groups: Review) -> None:
    """An index run may hold the index for hours; a click must not wait for it."""
    ((group,), *_), _ = groups.groups(0.95)
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


def test_a_damaged_line_is_found_and_blanked_and_a_copy_is_kept(tmp_path: Path) -> None:
    """What can't be made again is not thrown away; who adds pairs meanwhile loses none."""
    with writer_of(tmp_path) as writer:
        writer.commit(Batch(images=[new_image("a.jpg")]))
    index = tmp_path / "index"
    pairs = [(bytes([number]) * 16, bytes([number + 1]) * 16) for number in range(0, 12, 2)]
    add_dismissed(index, pairs)
    file = index / DISMISSED
    content = bytearray(file.read_bytes())
    content[content.index(b"0202")] = ord("f")
    content += b"06060606"  # the plug was pulled
    file.write_bytes(content)
    (problem,) = check(index).problems
    assert "dismissed.txt: 2 lines are damaged" in str(problem)
    repair(index)
    assert not check(index).problems
    assert (index / "dismissed.txt.broken-1").read_bytes() == content
    assert read_dismissed(index) == set(pairs) - {pairs[1]}
    assert add_dismissed(index, pairs) == 1
    assert read_dismissed(index) == set(pairs)


def test_groups_of_a_damaged_vector_are_an_error_and_not_awaited_for_ever(tmp_path: Path) -> None:
    vector = np.zeros(DIM, np.float32)
    vector[0] = 1
    with writer_of(tmp_path) as writer:
        longer = [
            new_image(f"{n}.jpg", vector=vector * factor) for n, factor in enumerate([1, 900])
        ]
        writer.commit(Batch(images=longer))
    with Reader(tmp_path / "index") as reader:
        groups = Review(reader)
        for _ in range(2):
            with pytest.raises(StoreError, match="image 2 is damaged"):
                until(lambda: not groups.groups(0.95)[1])
        with pytest.raises(StoreError, match="image 2 is damaged"):
            groups.all_groups(0.95)
        groups.close()


def test_a_compressed_file_of_links_is_not_unpacked(reader: Reader, groups: Review) -> None:
    """400 KB would have been 400 MB in memory."""
    names(reader, groups)
    kept = load_links(reader.index)
    pairs = np.zeros((25_000_000, 2), np.int64)
    with (reader.index / FILE).open("wb") as file:
        np.savez_compressed(
            file,
            generation=kept.generation,
            min_score=kept.min_score,
            rows=kept.rows,
            pairs=pairs,
            fingerprint=np.frombuffer(kept.fingerprint, np.uint8),
        )
    del pairs
    with pytest.raises(ValueError, match="compressed"):
        load_links(reader.index)


def test_dismissals_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request may add 4,950 pairs, and all are read at once."""
    pairs = [(bytes([number]) * 16, bytes(16)) for number in range(1, 9)]
    monkeypatch.setattr(decided, "MOST_BYTES", 500)
    assert add_dismissed(tmp_path, pairs[:6]) == 6
    with pytest.raises(StoreError, match="over the limit of 500"):
        add_dismissed(tmp_path, pairs)
    assert read_dismissed(tmp_path) == {(bytes(16), one) for one, _ in pairs[:6]}
    with (tmp_path / DISMISSED).open("ab") as file:
        file.write(b" " * 500)
    with pytest.raises(StoreError, match="remove lines"):
        read_dismissed(tmp_path)


def test_repair_deletes_no_decisions_that_can_not_be_read(
    reader: Reader, groups: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert groups.dismiss([1, 2]) == 1
    content = (reader.index / DISMISSED).read_bytes()
    monkeypatch.setattr(decided, "MOST_BYTES", 50)
    assert len(check(reader.index).problems) == 1
    repair(reader.index)
    assert check(reader.index).problems == []
    assert (reader.index / f"{DISMISSED}.broken-1").read_bytes() == content
