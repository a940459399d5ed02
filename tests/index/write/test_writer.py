"""What the one writer does, as readers see it."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_app.errors import DiskFullError, LockedError, StoreError
from edge_app.index.format.appendfile import AppendFile
from edge_app.index.format.records import RejectedRecord
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from edge_app.index.write import writer as store
from edge_app.index.write.batch import Batch, Moved
from edge_app.index.write.writer import Writer
from edge_app.library.originals import fingerprint
from tests.indexes import (
    DIM,
    MODEL,
    OTHER_MODEL,
    new_image,
    thumbnail_of,
    vector_of,
    view,
    writer_of,
)  # fmt: skip


def images(*paths: str, version: int = 0, dim: int = DIM) -> Batch:
    return Batch(images=[new_image(path, version, dim=dim) for path in paths])


def paths(folder: Path) -> set[str]:
    return {path for path, _ in view(folder / "index").images}


def files(folder: Path) -> set[str]:
    """The index's files, but for those that SQLite makes beside the catalogue."""
    return {name for name in os.listdir(folder / "index") if not name.endswith(("-wal", "-shm"))}


# --- one batch -----------------------------------------------------------------------------------


def test_a_committed_batch_is_there_with_all_its_facts(tmp_path: Path) -> None:
    image = new_image("a/b.jpg", taken_at=1_500_000_000, camera="Box 1", width_px=30, height_px=40)
    with writer_of(tmp_path) as writer:
        assert writer.commit(Batch(images=[image])) == [1]
    with Reader(tmp_path / "index") as reader:
        record = reader.image(1)
        assert (record.path, record.folder, record.name) == ("a/b.jpg", "a", "b.jpg")
        assert (record.size_bytes, record.mtime_ns) == (image.size_bytes, image.mtime_ns)
        assert (record.taken_at, record.taken_from) == (1_500_000_000, "exif")
        assert (record.camera, record.format, record.content) == ("Box 1", "JPEG", image.content)
        assert (record.width_px, record.height_px) == (30, 40)
        data, crc = reader.thumbnail(1)
        assert (data, crc) == (image.thumbnail, record.thumb_crc)
        snapshot = reader.snapshot()
        assert np.array_equal(snapshot.vectors[snapshot.row_of(1)], image.vector)


def test_a_file_time_is_no_date_of_a_photo_and_another_name_may_be(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(Batch(images=[new_image("a.jpg", mtime_ns=1_234_567_890_999_999_999)]))
        with Reader(tmp_path / "index") as reader:
            record = reader.image(1)
            assert (record.taken_at, record.taken_from) == (None, None)
            writer.commit(Batch(moved=[Moved(1, "IMG_20240110_000001.jpg", 5, 7_000_000_000)]))
            record = reader.image(1)
            assert (record.taken_at, record.taken_from) == (1_704_844_801, "name")
            writer.commit(Batch(moved=[Moved(1, "b.jpg", 5, 7_000_000_000)]))
            assert reader.image(1).taken_at is None


def test_the_log_of_a_catalogue_that_is_gone_is_not_believed(tmp_path: Path) -> None:
    with Reader(tmp_path / "index") as server:  # keeps the log from being done away with
        with writer_of(tmp_path) as writer:
            writer.commit(images("old.jpg"))
            server.snapshot()
        log = (tmp_path / "index/catalog.db-wal").read_bytes()
    (tmp_path / "index/catalog.db").unlink()
    (tmp_path / "index/catalog.db-wal").write_bytes(log)
    with writer_of(tmp_path) as writer:
        assert writer.known() == {}


def test_a_changed_file_keeps_its_id_and_gets_another_row(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        assert writer.commit(images("a.jpg", "b.jpg")) == [1, 2]
        assert writer.commit(images("a.jpg", version=1)) == [1]
    with Reader(tmp_path / "index") as reader:
        snapshot = reader.snapshot()
        assert snapshot.ids.tolist() == [0, 2, 1]
        assert snapshot.live.tolist() == [False, True, True]
    assert paths(tmp_path) == {"a.jpg", "b.jpg"}


def test_an_id_is_never_used_twice(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg", "b.jpg"))
        writer.commit(Batch(removed=[1, 2]))
        writer.finish()
    with writer_of(tmp_path) as writer:
        assert writer.commit(images("a.jpg")) == [3]


def test_a_moved_file_keeps_its_id_and_its_row(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg", "b.jpg", "c.jpg"))
        with Reader(tmp_path / "index") as reader:
            rows = reader.snapshot().ids.tolist()
            swapped = [Moved(1, "b.jpg", 10, 11), Moved(2, "a.jpg", 20, 21)]
            writer.commit(Batch(moved=swapped))
            assert [reader.image(id).path for id in (1, 2, 3)] == ["b.jpg", "a.jpg", "c.jpg"]
            assert (reader.image(1).size_bytes, reader.image(1).mtime_ns) == (10, 11)
            assert reader.snapshot().ids.tolist() == rows


def test_a_file_moved_over_another_replaces_it(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg", "b.jpg"))
        writer.commit(Batch(moved=[Moved(1, "b.jpg", 1, 2)]))
        assert {path: known.id for path, known in writer.known().items()} == {"b.jpg": 1}
        with Reader(tmp_path / "index") as reader:
            assert reader.snapshot().ids.tolist() == [1, 0]


def test_a_rejected_file_is_remembered_until_it_is_an_image_or_gone(tmp_path: Path) -> None:
    broken = [RejectedRecord(path, 5, 6, "cut short") for path in ("a.jpg", "b.jpg", "c.jpg")]
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg"))
        writer.commit(Batch(rejected=broken))
        assert writer.known() == {}, "a.jpg has become a file that is no image"
        assert list(writer.rejected().values()) == broken
        writer.commit(Batch(images=[new_image("a.jpg")], forgotten=["b.jpg"]))
        assert writer.rejected() == {"c.jpg": broken[2]}


def test_an_image_out_of_reach_is_kept(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg", "b.jpg"))
        writer.commit(Batch(offline=[1, 2]))
        writer.commit(Batch(online=[2]))
        assert [known.offline for known in writer.known().values()] == [True, False]
        writer.commit(Batch(moved=[Moved(1, "c.jpg", 1, 1)]))
        assert not writer.known()["c.jpg"].offline
    assert paths(tmp_path) == {"b.jpg", "c.jpg"}


def test_ids_that_are_gone_are_passed_over(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg"))
        moved = [Moved(9, "a.jpg", 1, 1)]
        writer.commit(Batch(removed=[7], offline=[8], online=[8], moved=moved))
    assert paths(tmp_path) == {"a.jpg"}


@pytest.mark.parametrize("seconds", [-(10**12), -(2**33), 0, 2**33, 2**34, 10**12])
def test_a_file_may_have_any_time(tmp_path: Path, seconds: int) -> None:
    mtime_ns = seconds * 10**9 + 5
    broken = RejectedRecord("b.jpg", 1, mtime_ns, "cut short")
    with writer_of(tmp_path) as writer:
        writer.commit(Batch(images=[new_image("a.jpg", mtime_ns=mtime_ns)], rejected=[broken]))
        assert writer.known()["a.jpg"].mtime_ns == mtime_ns
        assert writer.rejected() == {"b.jpg": broken}
        writer.commit(Batch(moved=[Moved(1, "c.jpg", 1, mtime_ns + 1)]))
    with Reader(tmp_path / "index") as reader:
        assert reader.image(1).mtime_ns == mtime_ns + 1
        assert reader.rejected().items == [broken]
    assert check(tmp_path / "index").problems == []


def test_the_same_thumbnail_is_not_written_twice(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg"))
        before = (tmp_path / "index" / "thumbs-1.bin").stat().st_size
        writer.commit(images("a.jpg"))
        assert (tmp_path / "index" / "thumbs-1.bin").stat().st_size == before
    assert paths(tmp_path) == {"a.jpg"}


def test_a_vector_of_another_size_is_refused_and_the_writer_goes_on(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        with pytest.raises(ValueError, match="reshape"):
            writer.commit(images("a.jpg", dim=DIM * 2))
        writer.commit(images("b.jpg"))
    assert paths(tmp_path) == {"b.jpg"}


# --- failures ------------------------------------------------------------------------------------


def test_a_failed_sync_is_not_retried_and_costs_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fail(file: AppendFile) -> None:
        calls.append(file.header.kind)
        raise OSError(errno.EIO, "Input/output error")

    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg"))
        with monkeypatch.context() as patch:
            patch.setattr(AppendFile, "sync", fail)
            with pytest.raises(StoreError, match=r"index can't be written: Input/output error"):
                writer.commit(images("b.jpg"))
        assert calls == ["vectors"]
        assert paths(tmp_path) == {"a.jpg"}
        writer.commit(images("c.jpg"))
    assert paths(tmp_path) == {"a.jpg", "c.jpg"}


def test_a_full_disk_names_the_room_needed_and_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with writer_of(tmp_path) as writer:
        with monkeypatch.context() as patch:
            patch.setattr(AppendFile, "reserve", fail)
            big = new_image("a.jpg", thumbnail=bytes(5 * 2**20))
            with pytest.raises(
                DiskFullError, match=rf"{tmp_path}/index: the next batch needs 6 MiB"
            ):
                writer.commit(Batch(images=[big]))
        writer.commit(images("a.jpg"))
    assert paths(tmp_path) == {"a.jpg"}


def test_a_second_writer_is_turned_away_at_once(tmp_path: Path) -> None:
    with writer_of(tmp_path):
        with pytest.raises(LockedError, match=f"{tmp_path}/index is being written"):
            writer_of(tmp_path)
        assert LockedError.exit_code == 75
    writer_of(tmp_path).close()


def _open_and_die(folder: Path) -> None:
    writer_of(folder)
    os.abort()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_open_and_die, args=(tmp_path,))
    child.start()
    child.join()
    assert child.exitcode != 0
    writer_of(tmp_path).close()


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.known()


def test_an_index_of_a_later_format_is_refused(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer, writer._using() as index:
        index.catalog.connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"format 99.*--index"):
        writer_of(tmp_path)
    with pytest.raises(StoreError, match="format 99"), Reader(tmp_path / "index") as reader:
        reader.snapshot()


# --- the library root ----------------------------------------------------------------------------


def make_library(folder: Path, batch: Batch, filler: bytes = b"\0") -> None:
    for image in batch.images:
        path = folder / image.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(filler * image.size_bytes)


def filled(*paths: str) -> Batch:
    """Images that hold what `make_library` makes of them."""
    made = []
    for path in paths:
        image = new_image(path)
        content = fingerprint(bytes(image.size_bytes))
        made.append(
            replace(
                image,
                content=content,
                thumbnail=thumbnail_of(content),
                vector=vector_of(content),
            )
        )
    return Batch(images=made)


def test_an_index_inside_the_library_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"inside the photo folder.*--index"):
        Writer(tmp_path / "library" / "index", tmp_path / "library", MODEL)
    assert not (tmp_path / "library").exists()


def test_the_index_of_another_library_is_refused(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg", "b.jpg"))
    make_library(tmp_path / "others", images("c.jpg", "d.jpg"))
    with pytest.raises(
        StoreError, match=rf"index of another photo folder, {tmp_path}/library.*--index"
    ):
        Writer(tmp_path / "index", tmp_path / "others", MODEL)


def test_the_same_library_at_another_place_is_recognised(tmp_path: Path) -> None:
    batch = filled(*[f"{number}.jpg" for number in range(10)])
    with writer_of(tmp_path) as writer:
        writer.commit(batch)
    make_library(tmp_path / "moved", Batch(images=batch.images[3:]))  # some have gone meanwhile
    with Writer(tmp_path / "index", tmp_path / "moved", MODEL) as writer:
        assert len(writer.known()) == 10
    with pytest.raises(StoreError):  # it lives there now
        writer_of(tmp_path)


def test_files_of_the_same_names_and_sizes_are_another_library_if_they_hold_something_else(
    tmp_path: Path,
) -> None:
    batch = filled(*[f"{number}.jpg" for number in range(100)])
    with writer_of(tmp_path) as writer:
        writer.commit(batch)
    make_library(tmp_path / "others", batch, filler=b"\1")
    match = (
        rf"another photo folder, {tmp_path}/library: .*"
        r"of (\d+) that were read, 0 have the same content.*--index"
    )
    for open_it in (
        lambda: Writer(tmp_path / "index", tmp_path / "others", MODEL),
        lambda: Reader(tmp_path / "index").recognise(tmp_path / "others"),
    ):
        with pytest.raises(StoreError, match=match):
            open_it()
    assert paths(tmp_path) == {image.path for image in batch.images}


def test_a_few_files_edited_in_place_leave_it_the_same_library(tmp_path: Path) -> None:
    batch = filled(*[f"{number}.jpg" for number in range(100)])
    with writer_of(tmp_path) as writer:
        writer.commit(batch)
    make_library(tmp_path / "moved", batch)
    make_library(tmp_path / "moved", Batch(images=batch.images[:25]), filler=b"\1")
    with Writer(tmp_path / "index", tmp_path / "moved", MODEL) as writer:
        assert len(writer.known()) == 100


# --- generations ---------------------------------------------------------------------------------


def test_readers_answer_from_the_old_model_until_the_new_one_is_complete(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg", "b.jpg"))
    with Reader(tmp_path / "index") as reader:
        with writer_of(tmp_path, OTHER_MODEL) as writer:
            assert writer.building
            assert not any(known.embedded for known in writer.known().values())
            writer.commit(images("a.jpg", dim=OTHER_MODEL.dim))
            assert reader.snapshot().identity == MODEL
            assert reader.snapshot().live.all()
        with writer_of(tmp_path, OTHER_MODEL) as writer:  # resumed after a stop
            assert [path for path, known in writer.known().items() if known.embedded] == ["a.jpg"]
            writer.commit(images("b.jpg", dim=OTHER_MODEL.dim))
            old = reader.snapshot()
            writer.finish()
            assert not writer.building
        assert reader.snapshot().identity == OTHER_MODEL
        assert [reader.snapshot().row_of(id) for id in (1, 2)] == [0, 1]
        assert np.array_equal(old.vectors[0], new_image("a.jpg").vector), "still mapped"
    rows = {"vectors-2.f32", "bounds-2.f32", "codes-2.i8"}
    assert files(tmp_path) == {"catalog.db", "lock", "thumbs-1.bin", *rows}
    assert view(tmp_path / "index").embedded == {"a.jpg", "b.jpg"}


def test_an_image_changed_while_a_generation_is_built_is_not_answered_with_its_old_vector(
    tmp_path: Path,
) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg", "b.jpg"))
    with writer_of(tmp_path, OTHER_MODEL) as writer:
        writer.commit(images("a.jpg", version=1, dim=OTHER_MODEL.dim))
        assert view(tmp_path / "index").embedded == {"b.jpg"}
        assert paths(tmp_path) == {"a.jpg", "b.jpg"}


def test_a_generation_begun_is_dropped_when_the_model_changes_back(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg"))
    with writer_of(tmp_path, OTHER_MODEL) as writer:
        writer.commit(images("b.jpg", dim=OTHER_MODEL.dim))
        assert "vectors-2.f32" in files(tmp_path)
    with writer_of(tmp_path) as writer:
        assert not writer.building
        assert not writer.known()["b.jpg"].embedded
    assert "vectors-2.f32" not in files(tmp_path)


def test_a_renamed_model_file_is_the_same_model(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg"))
    with writer_of(tmp_path, replace(MODEL, name="renamed")) as writer:
        assert not writer.building


def test_tiles_make_a_generation_of_their_own(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg"))
    with writer_of(tmp_path, tiles=3) as writer:
        assert writer.building
        writer.commit(Batch(images=[new_image("a.jpg", tiles=3)]))
        writer.finish()
    with Reader(tmp_path / "index") as reader:
        tiles = reader.snapshot().tiles
        assert tiles is not None
        expected = new_image("a.jpg", tiles=3).tiles
        assert expected is not None
        assert np.array_equal(tiles, expected[None])


def test_too_many_dead_rows_and_the_index_is_rewritten(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(20)]
    with writer_of(tmp_path) as writer:
        writer.commit(images(*names))
        writer.commit(Batch(removed=[1, 2, 3, 4, 5]))
        writer.finish()
        assert "vectors-1.f32" in files(tmp_path), "a quarter is not more than a quarter"
        writer.commit(Batch(removed=[10]))
        with Reader(tmp_path / "index") as reader:
            before = reader.snapshot()
            writer.finish()
            after = reader.snapshot()
            assert (before.rows, after.rows) == (20, 14)
            assert after.live.all()
            assert after.ids.tolist() == before.ids[before.live].tolist()
        assert files(tmp_path).isdisjoint(
            {"vectors-1.f32", "bounds-1.f32", "codes-1.i8", "thumbs-1.bin"}
        )
        writer.commit(images("new.jpg"))
    assert paths(tmp_path) == {*names[5:9], *names[10:], "new.jpg"}


def test_what_an_abandoned_rewrite_left_is_removed(tmp_path: Path) -> None:
    writer_of(tmp_path).close()
    for stray in ("vectors-7.f32", "thumbs-9.bin", "codes-1.unfinished"):
        (tmp_path / "index" / stray).write_bytes(b"")
    kept = {"notes.txt", "vectors-old.f32", "dismissed.txt"}
    for name in kept:
        (tmp_path / "index" / name).write_bytes(b"")
    writer_of(tmp_path).close()
    assert files(tmp_path) - {"catalog.db", "lock"} == kept | {
        "vectors-1.f32",
        "bounds-1.f32",
        "codes-1.i8",
        "thumbs-1.bin",
    }


def test_a_full_disk_only_puts_a_rewrite_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DiskFullError("full")

    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg", "b.jpg"))
        writer.commit(Batch(removed=[1]))
        monkeypatch.setattr(store, "compact", full)
        writer.finish()
        assert paths(tmp_path) == {"b.jpg"}


def test_an_index_copied_elsewhere_is_served_unchanged(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(images("a.jpg", "b.jpg"))
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "index", elsewhere / "index")
    shutil.rmtree(tmp_path / "index")
    assert paths(elsewhere) == {"a.jpg", "b.jpg"}
