"""What `check` says of damage, and what is left to do after `check --repair`."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge_app.errors import LockedError, StoreError
from edge_app.index.format import codes
from edge_app.index.format.appendfile import HEADER_BYTES
from edge_app.index.format.records import RejectedRecord
from edge_app.index.format.schema import CATALOG
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check, repair
from edge_app.index.write.batch import Batch
from tests.indexes import DIM, new_image, view, writer_of

CODES = "bounds-1.f32 or codes-1.i8"
PATHS = ["a.jpg", "b/c.jpg", "b/d.jpg"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an index of three images."""
    with writer_of(tmp_path) as writer:
        rejected = [RejectedRecord("broken.jpg", 1, 2, "cut short")]
        writer.commit(Batch(images=[new_image(path) for path in PATHS], rejected=rejected))
    return tmp_path


def change(path: Path, offset: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def sql(folder: Path, statement: str) -> None:
    with writer_of(folder) as writer, writer._using() as index:
        index.catalog.connection.execute(statement)


def messages(folder: Path) -> list[str]:
    return [str(problem) for problem in check(folder / "index").problems]


def embed_again(folder: Path) -> list[str]:
    """What an index run does after a repair; the paths it had to do."""
    with writer_of(folder) as writer:
        known = writer.known()
        missing = [path for path in PATHS if path not in known or not known[path].embedded]
        writer.commit(Batch(images=[new_image(path) for path in missing]))
        writer.finish()
    return missing


def test_a_sound_index(folder: Path) -> None:
    report = check(folder / "index")
    assert (report.images, report.rows, report.thumbnails, report.rejected) == (3, 3, 3, 1)
    assert report.problems == []
    assert repair(folder / "index").problems == []
    assert embed_again(folder) == []


def test_a_writer_may_go_on_meanwhile(folder: Path) -> None:
    with writer_of(folder) as writer:
        assert messages(folder) == []
        writer.commit(Batch(images=[new_image("e.jpg")]))
        assert messages(folder) == []
        with pytest.raises(LockedError):
            repair(folder / "index")


def test_without_an_index_there_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"No index in .* yet. Create it with: lookalike index"):
        check(tmp_path / "index")


@pytest.mark.parametrize(
    ("name", "offset", "message"),
    [
        ("vectors-1.f32", 4 * DIM + 5, "vectors-1.f32: row 1, image 2 (b/c.jpg), differs"),
        ("codes-1.i8", codes.width(DIM), f"{CODES}: row 1, image 2 (b/c.jpg), differs"),
        ("bounds-1.f32", 8, f"{CODES}: row 1, image 2 (b/c.jpg), differs"),
        ("thumbs-1.bin", len(new_image("a.jpg").thumbnail) + 2, "thumbs-1.bin: the thumbnail of"),
    ],
)
def test_damage_to_one_image_has_only_that_one_done_again(
    folder: Path, name: str, offset: int, message: str
) -> None:
    change(folder / "index" / name, HEADER_BYTES + offset, b"rot")
    (found,) = messages(folder)
    assert found.startswith(message)
    repaired = repair(folder / "index")
    assert [str(problem) for problem in repaired.problems] == [found]
    assert repaired.set_aside is None
    assert messages(folder) == []
    assert embed_again(folder) == ["b/c.jpg"]
    assert len(view(folder / "index").embedded) == 3


def test_a_damaged_header_is_written_anew_and_costs_nothing(folder: Path) -> None:
    change(folder / "index" / "vectors-1.f32", 20, b"rot")
    assert messages(folder) == ["vectors-1.f32 has a damaged header (CRC differs)"]
    repair(folder / "index")
    assert messages(folder) == []
    assert embed_again(folder) == []


def test_a_sector_the_medium_has_given_up_costs_what_was_on_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.pread

    def failing(fd: int, length: int, offset: int) -> bytes:
        name = os.readlink(f"/proc/self/fd/{fd}")
        if name.endswith("vectors-1.f32") and offset == HEADER_BYTES + length:
            raise OSError(errno.EIO, "Input/output error")
        return read(fd, length, offset)

    monkeypatch.setattr(os, "pread", failing)
    assert messages(folder) == ["vectors-1.f32: row 1, image 2 (b/c.jpg), differs from its CRC"]


def test_a_file_cut_short_costs_the_rows_that_are_gone(folder: Path) -> None:
    os.truncate(folder / "index" / "vectors-1.f32", HEADER_BYTES + 4 * DIM + 10)
    found = messages(folder)
    assert found[0] == "vectors-1.f32 is shorter than the catalogue says"
    assert len(found) == 3
    repair(folder / "index")
    assert messages(folder) == []
    assert embed_again(folder) == ["b/c.jpg", "b/d.jpg"]
    assert len(view(folder / "index").embedded) == 3


@pytest.mark.parametrize("name", ["vectors-1.f32", "bounds-1.f32", "codes-1.i8", "thumbs-1.bin"])
def test_a_file_that_is_missing_has_everything_done_again(folder: Path, name: str) -> None:
    (folder / "index" / name).unlink()
    assert messages(folder)[0] == f"{name} is missing"
    repair(folder / "index")
    assert messages(folder) == []
    assert embed_again(folder) == PATHS
    assert len(view(folder / "index").embedded) == 3


@pytest.mark.parametrize(
    ("statement", "message", "again"),
    [
        ("UPDATE images SET mtime_ns = 1 WHERE id = 2", "the record of image 2 differs", "b/c.jpg"),
        ("UPDATE images SET name_key = x'00' WHERE id = 1", "the record of image 1", "a.jpg"),
        ("UPDATE images SET folder_id = 9999 WHERE id = 1", "the record of image 1", "a.jpg"),
        ("UPDATE rows SET vector_crc = 1 WHERE row = 1", "the record of row 1 differs", "b/c.jpg"),
        ("DELETE FROM rows WHERE row = 1", "generation 1 has 2 live rows, not 3", "b/c.jpg"),
    ],
)
def test_a_bent_record_is_forgotten_and_its_image_done_again(
    folder: Path, statement: str, message: str, again: str
) -> None:
    sql(folder, statement)
    assert messages(folder)[0].startswith(f"catalog.db: {message}")
    repair(folder / "index")
    assert messages(folder) == []
    assert embed_again(folder) == [again]
    assert len(view(folder / "index").embedded) == 3


def test_a_bent_record_of_a_rejected_file_is_forgotten(folder: Path) -> None:
    sql(folder, "UPDATE rejected SET reason = 'other'")
    assert messages(folder) == ["catalog.db: the record of a rejected file differs from its CRC"]
    repair(folder / "index")
    assert messages(folder) == []
    with writer_of(folder) as writer:
        assert writer.rejected() == {}


def destroy_pages(folder: Path) -> None:
    change(folder / "index" / CATALOG, 5000, b"rot" * 3000)


def destroy_header(folder: Path) -> None:
    change(folder / "index" / CATALOG, 0, b"rot")


def bend_state(folder: Path) -> None:
    sql(folder, "UPDATE state SET thumbs_bytes = thumbs_bytes + 1")


def drop_an_index(folder: Path) -> None:
    sql(folder, "DROP INDEX images_by_date")


@pytest.mark.parametrize("damage", [destroy_pages, destroy_header, bend_state, drop_an_index])
def test_a_catalogue_past_mending_is_set_aside_and_built_anew(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(folder)
    assert all(message.startswith("catalog.db: ") for message in messages(folder))
    broken = (folder / "index" / CATALOG).read_bytes()
    with Reader(folder / "index") as reader:  # a server that runs meanwhile
        report = repair(folder / "index")
        assert report.problems
        assert report.set_aside == folder / "index" / "catalog.db.broken-1"
        assert report.set_aside.read_bytes() == broken
        assert reader.snapshot().rows == 0
        assert embed_again(folder) == PATHS
        assert reader.snapshot().rows == 3
    assert messages(folder) == []
    assert len(view(folder / "index").embedded) == 3


def test_every_catalogue_set_aside_is_kept(folder: Path) -> None:
    for number in (1, 2):
        bend_state(folder)
        report = repair(folder / "index")
        assert report.set_aside == folder / "index" / f"catalog.db.broken-{number}"
        embed_again(folder)
    assert len(list((folder / "index").glob("catalog.db.broken-?"))) == 2


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("factor", [1000, 1.001, float("nan"), float("inf")])
@pytest.mark.parametrize("tiles", [0, 2])
def test_a_vector_that_is_not_of_length_1_is_found_though_its_crc_is_right(
    tmp_path: Path, factor: float, tiles: int
) -> None:
    """Whoever makes an index makes its CRCs too."""
    images = [new_image(path, tiles=tiles) for path in PATHS]
    damaged = images[1].tiles if tiles else images[1].vector
    assert damaged is not None
    damaged *= np.float32(factor)
    with writer_of(tmp_path, tiles=tiles) as writer:
        writer.commit(Batch(images=images))
    name = "tiles-1.f32" if tiles else "vectors-1.f32"
    assert messages(tmp_path) == [f"{name}: row 1, image 2, is no vector of length 1"]
    repair(tmp_path / "index")
    assert messages(tmp_path) == []
    with Reader(tmp_path / "index") as reader:
        assert reader.snapshot().live.tolist() == [True, False, True]


@pytest.mark.parametrize("bound", [float("nan"), float("inf"), -1])
def test_bounds_that_stop_every_search_are_found_though_their_crc_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: float
) -> None:
    def encode(vectors: codes.Floats) -> codes.Encoded:
        encoded = sound(vectors)
        encoded.bounds[1] = bound
        return encoded

    sound = codes.encode
    monkeypatch.setattr(codes, "encode", encode)
    with writer_of(tmp_path) as writer:
        writer.commit(Batch(images=[new_image(path) for path in PATHS]))
    with Reader(tmp_path / "index") as reader, pytest.raises(StoreError, match="check --repair"):
        reader.snapshot().angle_max  # noqa: B018 - what searches begin with
    assert messages(tmp_path) == ["bounds-1.f32: row 1, image 2, has bounds that no code has"]
    repair(tmp_path / "index")
    with Reader(tmp_path / "index") as reader:
        assert reader.snapshot().angle_max < 1.6


def test_a_picture_without_a_direction_is_no_damage(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(Batch(images=[new_image("a.jpg", vector=np.zeros(DIM, np.float32))]))
    assert messages(tmp_path) == []


def test_previews_that_are_no_whole_jpegs_are_found_and_made_again(folder: Path) -> None:
    previews = folder / "index/previews"
    previews.mkdir()
    whole = b"\xff\xd8...\xff\xd9"
    sound, cut, empty, link, new = (f"{digit * 32}.jpg" for digit in "01234")
    (previews / sound).write_bytes(whole)
    (previews / cut).write_bytes(whole[:-1])
    (previews / empty).write_bytes(b"")
    (previews / link).symlink_to(previews / sound)
    (previews / f"{new}.part").write_bytes(whole[:3])  # being written
    (previews / "thesis.txt").write_bytes(b"not ours")
    assert [message.split(" ", 1)[0] for message in messages(folder)] == [
        f"previews/{name}" for name in (cut, empty, link)
    ]
    repair(folder / "index")
    assert messages(folder) == []
    assert sorted(os.listdir(previews)) == [sound, f"{new}.part", "thesis.txt"]


def test_a_folder_that_a_link_names_is_not_cleared(folder: Path) -> None:
    (folder / "documents").mkdir()
    other = folder / "documents" / f"{'1' * 32}.jpg"
    other.write_bytes(b"not ours")
    (folder / "index/previews").symlink_to(folder / "documents")
    (message,) = messages(folder)
    assert "previews is a link" in message
    repair(folder / "index")
    assert messages(folder) == []
    assert other.exists()


def test_a_catalogue_that_another_program_locks_is_neither_damaged_nor_set_aside(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *of, **how: connect(*of, **(how | {"timeout": 0}))
    )
    index = folder / "index"
    with closing(connect(index / CATALOG, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("SELECT count(*) FROM images").fetchall()
        said = "another program has it open and locks it; close that program"
        for use in (check, repair, lambda index: Reader(index).counts()):
            with pytest.raises(StoreError, match=said):
                use(index)
        with pytest.raises(StoreError, match=said), writer_of(folder):
            pass
    assert messages(folder) == []
    assert not list(index.glob("*.broken*"))
