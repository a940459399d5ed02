"""A RAW file beside its picture is one photo with two files, whichever comes, goes or breaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_app.config import Limits
from edge_app.index.read.reader import Reader
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer
from edge_app.indexing.plan import IndexReport
from edge_app.photos.children.pool import DecodePool
from tests.fakes import SIZE_PX, FakeEmbedder
from tools.testing.pictures import picture

Run = Callable[..., IndexReport]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "library/2024").mkdir(parents=True)
    return tmp_path / "library"


@pytest.fixture
def run(tmp_path: Path, root: Path) -> Run:
    def once() -> IndexReport:
        embedder = FakeEmbedder()
        with (
            Writer(tmp_path / "index", root, embedder.identity) as writer,
            DecodePool(SIZE_PX, Limits(), workers=1, nice=0) as pool,
        ):
            return indexer.index(root, writer, pool, embedder, Limits())

    return once


def photos(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    """The names of the RAW files of each photo of the index, by its path."""
    with Reader(tmp_path / "index") as reader:
        return {image.path: image.raws for image in reader.page("folder").items}


def put(root: Path, name: str, seed: int) -> None:
    """A file that can be decoded, whatever its name says."""
    picture(seed).save(root / name, "JPEG")


def test_a_pair_is_one_photo(tmp_path: Path, root: Path, run: Run) -> None:
    put(root, "2024/a.jpg", 1)
    put(root, "2024/a.nef", 2)
    put(root, "b.nef", 3)
    assert run().added == 2
    assert photos(tmp_path) == {"2024/a.jpg": ("a.nef",), "b.nef": ()}
    with Reader(tmp_path / "index") as reader:
        image = reader.image_at("2024/a.jpg")
        assert image is not None
        assert image.files == ("2024/a.jpg", "2024/a.nef")
    report = run()
    assert (report.unchanged, report.found) == (2, 2)


def test_a_raw_file_that_comes_later_joins_its_picture(
    tmp_path: Path, root: Path, run: Run
) -> None:
    put(root, "a.jpg", 1)
    run()
    put(root, "a.nef", 2)
    report = run()
    assert (report.unchanged, report.added, report.updated) == (1, 0, 0)
    assert photos(tmp_path) == {"a.jpg": ("a.nef",)}
    (root / "a.nef").unlink()
    run()
    assert photos(tmp_path) == {"a.jpg": ()}


def test_a_picture_that_comes_later_takes_the_place_of_its_raw_file(
    tmp_path: Path, root: Path, run: Run
) -> None:
    for name in ("a.nef", "b.nef"):
        put(root, name, 1)
    run()
    for name in ("a.jpg", "b.jpg"):
        put(root, name, 2)
    report = run()
    assert (report.added, report.offline) == (2, 0), "no file is missing"
    assert photos(tmp_path) == {"a.jpg": ("a.nef",), "b.jpg": ("b.nef",)}


def test_a_raw_file_whose_picture_is_deleted_stands_for_itself(
    tmp_path: Path, root: Path, run: Run
) -> None:
    put(root, "c.jpg", 3)
    put(root, "a.jpg", 1)
    put(root, "a.nef", 2)
    run()
    (root / "a.jpg").unlink()
    report = run()
    assert (report.added, report.removed) == (1, 1)
    assert photos(tmp_path) == {"a.nef": (), "c.jpg": ()}


def test_a_raw_file_whose_picture_is_damaged_stands_for_itself(
    tmp_path: Path, root: Path, run: Run
) -> None:
    (root / "a.jpg").write_bytes(b"\xff\xd8\xff and nothing more")
    put(root, "a.nef", 2)
    report = run()
    assert (report.added, report.rejected) == (1, 1)
    assert photos(tmp_path) == {"a.nef": ()}
    report = run()
    assert (report.unchanged, report.rejected) == (1, 1), "and nothing is decoded again"
    put(root, "a.jpg", 1)
    run()
    assert photos(tmp_path) == {"a.jpg": ("a.nef",)}


def test_neither_can_be_read(tmp_path: Path, root: Path, run: Run) -> None:
    put(root, "b.jpg", 1)
    for name in ("a.jpg", "a.nef"):
        (root / name).write_bytes(b"\xff\xd8\xff and nothing more")
    assert run().rejected == 2
    assert run().rejected == 2
    put(root, "a.jpg", 2)
    report = run()
    assert (report.added, report.rejected) == (1, 0)
    assert photos(tmp_path) == {"a.jpg": ("a.nef",), "b.jpg": ()}
