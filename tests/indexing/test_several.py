"""One index of several sources: what each of them does to its photos, and to no others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_app.config import Config, Limits
from edge_app.errors import LibraryError, StoreError
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer
from edge_app.indexing.plan import IndexReport, Progress
from edge_app.library import places
from edge_app.library.sources import library_of
from edge_app.photos.children.pool import DecodePool
from tests.fakes import SIZE_PX, FakeEmbedder
from tools.testing.pictures import save

LIMITS = Limits()
Run = Callable[..., IndexReport]


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def run(tmp_path: Path, embedder: FakeEmbedder) -> Run:
    """One index run with a library as `--gallery` names it."""

    def once(
        *galleries: str, prune: bool = False, told: list[Progress] | None = None
    ) -> IndexReport:
        config = Config(**places.settings(list(map(places.parse, galleries))))
        library = library_of(config)
        with (
            Writer(tmp_path / "index", library, embedder.identity) as writer,
            DecodePool(SIZE_PX, LIMITS, workers=1, nice=0) as pool,
        ):
            tell = (lambda progress: None) if told is None else told.append
            return indexer.index(
                library, writer, pool, embedder, LIMITS, prune=prune, on_progress=tell
            )

    return once


@pytest.fixture
def both(tmp_path: Path) -> list[str]:
    """A phone with five pictures and an archive with three, as arguments."""
    for number in range(5):
        save(tmp_path / f"phone/{number}.png", number)
    for number in range(3):
        save(tmp_path / f"archive/old/{number}.png", 10 + number)
    return [f"phone={tmp_path}/phone", f"archive={tmp_path}/archive"]


@pytest.fixture
def images(tmp_path: Path) -> Callable[[], dict[str, tuple[int, bool]]]:
    """Id and whether it is offline, of every image by path."""

    def look() -> dict[str, tuple[int, bool]]:
        assert check(tmp_path / "index").problems == []
        with Reader(tmp_path / "index") as reader:
            items = reader.page("name", limit=1000).items
            return {image.path: (image.id, image.offline) for image in items}

    return look


Images = Callable[[], dict[str, tuple[int, bool]]]


def test_one_index_has_the_photos_of_all(run: Run, both: list[str], images: Images) -> None:
    assert run(*both).added == 8
    assert len(images()) == 8 and images().keys() >= {"phone/0.png", "archive/old/2.png"}
    assert run(*both).unchanged == 8


def test_a_source_that_is_away_is_offline_and_the_others_go_on(
    run: Run, both: list[str], images: Images, tmp_path: Path
) -> None:
    run(*both)
    (tmp_path / "phone").rename(tmp_path / "away")
    save(tmp_path / "archive/new.png", 20)
    (tmp_path / "archive/old/0.png").unlink()
    told: list[Progress] = []
    report = run(*both, told=told)
    assert (report.added, report.removed, report.offline) == (1, 1, 5)
    assert report.unreachable.keys() == told[-1].offline.keys() == {"phone"}
    assert {path for path, (_, offline) in images().items() if offline} == {
        f"phone/{number}.png" for number in range(5)
    }
    (tmp_path / "away").rename(tmp_path / "phone")
    report = run(*both)
    assert (report.unchanged, report.offline, report.added) == (8, 0, 0)
    assert not any(offline for _, offline in images().values())


def test_an_empty_mount_point_takes_no_photo_of_a_small_source(
    run: Run, both: list[str], images: Images, tmp_path: Path
) -> None:
    """Three of eight are less than half of the library, and all of their source."""
    run(*both)
    shutil.rmtree(tmp_path / "archive/old")
    report = run(*both)
    assert (report.removed, report.offline) == (0, 3)
    assert run(*both, prune=True).removed == 3
    assert len(images()) == 5


def test_all_away_is_a_library_away(
    run: Run, both: list[str], images: Images, tmp_path: Path
) -> None:
    run(*both)
    for name in ("phone", "archive"):
        (tmp_path / name).rename(tmp_path / f"{name} away")
    with pytest.raises(LibraryError, match=r"phone: .*archive: "):
        run(*both)
    assert len(images()) == 8


def test_an_index_of_one_gains_a_second_and_reads_nothing_again(
    run: Run, both: list[str], images: Images, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    (tmp_path / "archive/broken.png").write_bytes(b"no image")
    run(str(tmp_path / "archive"))
    before = images()
    assert before.keys() == {f"old/{number}.png" for number in range(3)}
    embedder.calls = 0
    report = run(*both)
    assert (report.unchanged, report.moved, report.added, report.rejected) == (3, 0, 5, 1)
    assert embedder.calls == 5
    after = images()
    assert {path: after[f"archive/{path}"] for path in before} == before
    with Reader(tmp_path / "index") as reader:
        assert [file.path for file in reader.rejected().items] == ["archive/broken.png"]


def test_an_offline_photo_stays_offline_under_its_new_name(
    run: Run, both: list[str], images: Images, tmp_path: Path
) -> None:
    run(str(tmp_path / "archive"))
    shutil.rmtree(tmp_path / "archive/old")
    save(tmp_path / "archive/new.png", 20)
    run(str(tmp_path / "archive"))
    report = run(*both)
    assert (report.removed, report.offline) == (0, 3)
    assert images()["archive/old/0.png"][1]


def test_two_sources_change_names(
    run: Run, both: list[str], images: Images, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    run(*both)
    before = images()
    embedder.calls = 0
    run(f"archive={tmp_path}/phone", f"phone={tmp_path}/archive")
    assert embedder.calls == 0
    after = images()
    assert after["archive/0.png"] == before["phone/0.png"]
    assert after["phone/old/0.png"] == before["archive/old/0.png"]


def test_a_source_that_is_no_longer_named_keeps_its_photos_until_they_are_pruned(
    run: Run, both: list[str], images: Images, tmp_path: Path
) -> None:
    run(*both)
    assert run(both[0]).offline == 3
    pruned = run(both[0], prune=True)
    assert (pruned.removed, pruned.away) == (3, [])
    assert len(images()) == 5


def test_a_library_of_other_photos_is_refused(run: Run, both: list[str], tmp_path: Path) -> None:
    run(*both)
    save(tmp_path / "others/a.png", 30)
    with pytest.raises(StoreError, match="the index of another photo folder"):
        run(f"others={tmp_path}/others")


def test_a_kill_while_names_change_leaves_the_old_ones_or_the_new(
    run: Run,
    both: list[str],
    images: Images,
    embedder: FakeEmbedder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(str(tmp_path / "archive"))
    before = images()

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("edge_app.index.write.commit._Change.write_counts", killed)
        run(*both)
    assert images() == before
    embedder.calls = 0
    assert run(*both).unchanged == 3
    assert embedder.calls == 5
