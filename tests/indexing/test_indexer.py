"""indexer: the index follows the library root, file by file, and loses nothing by mistake."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_app.config import Limits
from edge_app.errors import LibraryError, UnreadableError
from edge_app.host import install_with
from edge_app.index.read.reader import Reader
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer
from edge_app.indexing.plan import IndexReport, Progress
from edge_app.library.folder import Folder
from edge_app.library.rules import Rules
from edge_app.photos.children.pool import DecodePool, Job, Outcome
from edge_app.photos.reading import lacks
from edge_app.photos.regions import TILES
from tests.fakes import SIZE_PX, FakeEmbedder
from tools.testing.pictures import picture, save

LIMITS = Limits()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "BATCH_IMAGES", 4)


Run = Callable[..., IndexReport]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    root.mkdir()
    return root


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def run(tmp_path: Path, root: Path, embedder: FakeEmbedder) -> Run:
    def once(
        embedder: FakeEmbedder = embedder,
        prune: bool = False,
        tiles: int = 0,
        retry: bool = False,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> IndexReport:
        with (
            Writer(tmp_path / "index", root, embedder.identity, tiles) as writer,
            DecodePool(SIZE_PX, LIMITS, workers=1, nice=0) as pool,
        ):
            return indexer.index(
                root,
                writer,
                pool,
                embedder,
                LIMITS,
                prune=prune,
                retry=retry,
                on_progress=on_progress,
            )

    return once


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader(tmp_path / "index") as reader:
        yield reader


def paths(reader: Reader) -> list[str]:
    return [image.path for image in reader.page("name", limit=1000).items]


def test_every_image_gets_a_row_and_broken_files_a_reason(
    root: Path, run: Run, reader: Reader
) -> None:
    for number in range(9):
        save(root / f"{number}.png", number)
    (root / "broken.jpg").write_bytes(b"no image at all")
    (root / "empty.png").write_bytes(b"")
    report = run()
    assert (report.added, report.rejected, report.found) == (9, 2, 11)
    snapshot = reader.snapshot()
    assert snapshot.live.sum() == 9
    assert len(paths(reader)) == 9
    reasons = {file.path: file.reason for file in reader.rejected().items}
    assert reasons["empty.png"] == "empty file"
    assert set(reasons) == {"empty.png", "broken.jpg"}


def test_a_second_run_embeds_nothing(root: Path, run: Run, embedder: FakeEmbedder) -> None:
    save(root / "a.png", 1)
    (root / "broken.jpg").write_bytes(b"x")
    run()
    embedder.calls = 0
    report = run()
    assert (report.added, report.unchanged, report.rejected) == (0, 1, 1)
    assert embedder.calls == 0


def test_new_changed_and_vanished_files_are_followed(
    root: Path, run: Run, reader: Reader, embedder: FakeEmbedder
) -> None:
    for name in "abcde":
        save(root / f"{name}.png", ord(name))
    run()
    ids = {image.path: image.id for image in reader.page().items}
    embedder.calls = 0
    save(root / "a.png", 100)
    save(root / "f.png", 101)
    (root / "b.png").unlink()
    report = run()
    assert (report.added, report.updated, report.removed, report.unchanged) == (1, 1, 1, 3)
    assert embedder.calls == 2
    assert paths(reader) == ["a.png", "c.png", "d.png", "e.png", "f.png"]
    assert {image.path: image.id for image in reader.page().items}["a.png"] == ids["a.png"]


def test_a_renamed_file_keeps_its_row_without_inference(
    root: Path, run: Run, reader: Reader, embedder: FakeEmbedder
) -> None:
    save(root / "old.png", 1)
    save(root / "other.png", 2)
    run()
    id = next(image.id for image in reader.page().items if image.path == "old.png")
    embedder.calls = 0
    (root / "folder").mkdir()
    (root / "old.png").rename(root / "folder" / "new.png")
    report = run()
    assert (report.moved, report.added, report.removed) == (1, 0, 0)
    assert embedder.calls == 0
    assert reader.image(id).path == "folder/new.png"


def test_a_touched_file_is_not_embedded_again(root: Path, run: Run, embedder: FakeEmbedder) -> None:
    file = save(root / "a.png", 1)
    run()
    embedder.calls = 0
    os.utime(file, ns=(0, 10**18))  # 2001: a clock that jumped back is a change like any other
    assert run().moved == 1
    assert embedder.calls == 0
    assert run().unchanged == 1


def test_a_copy_is_an_image_of_its_own(root: Path, run: Run, reader: Reader) -> None:
    file = save(root / "a.png", 1)
    run()
    (root / "copy.png").write_bytes(file.read_bytes())
    assert run().added == 1
    one, other = reader.page().items
    assert one.content == other.content


def test_an_image_that_breaks_leaves_the_index_and_comes_back_when_mended(
    root: Path, run: Run, reader: Reader
) -> None:
    file = save(root / "a.png", 1)
    save(root / "b.png", 2)
    run()
    whole = file.read_bytes()
    file.write_bytes(whole[:40])
    assert run().rejected == 1
    assert paths(reader) == ["b.png"]
    file.write_bytes(whole)
    assert run().added == 1
    assert paths(reader) == ["a.png", "b.png"]
    assert reader.counts().rejected == 0


def test_a_file_that_cannot_be_read_now_is_tried_again(
    root: Path, run: Run, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(root / "a.png", 1)
    run()
    save(root / "a.png", 2)
    save(root / "b.png", 3)

    def refuse(pool: DecodePool, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        for job in jobs:  # root may read every file, so that the refusal is simulated
            yield job, UnreadableError("can't be read: Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(DecodePool, "run", refuse)
        assert run().rejected == 2
    assert paths(reader) == ["a.png"]  # as it was
    assert [file.path for file in reader.rejected().items] == ["b.png"]
    report = run()
    assert (report.updated, report.added, report.rejected) == (1, 1, 0)
    assert reader.counts().rejected == 0


def test_more_than_half_gone_is_taken_for_an_unmounted_library(
    root: Path, run: Run, reader: Reader
) -> None:
    files = [save(root / f"{number}.png", number) for number in range(5)]
    run()
    for file in files[:3]:
        file.rename(file.with_suffix(".away"))
    report = run()
    assert (report.removed, report.offline, report.unchanged) == (0, 3, 2)
    assert reader.counts().offline == 3
    files[0].with_suffix(".away").rename(files[0])
    report = run()
    # A file that was renamed is read again: its content says that it is the one it was.
    assert (report.moved, report.unchanged, report.offline) == (1, 2, 2)
    assert reader.counts().offline == 2
    report = run(prune=True)
    assert (report.removed, report.offline) == (2, 0)
    assert reader.counts().images == 3


def test_another_card_in_its_place_removes_nothing_though_it_has_some_of_the_names(
    root: Path, run: Run
) -> None:
    for number in range(5):
        save(root / f"IMG_{number}.png", number)
    run()
    for number in range(2):
        save(root / f"IMG_{number}.png", 50 + number)
    (root / "IMG_4.png").unlink()
    report = run()
    assert (report.updated, report.unchanged, report.removed, report.offline) == (2, 2, 0, 1)


def test_an_empty_library_removes_nothing_without_prune(
    root: Path, run: Run, reader: Reader
) -> None:
    file = save(root / "a.png", 1)
    run()
    file.unlink()
    assert run().offline == 1
    assert paths(reader) == ["a.png"]
    assert run(prune=True).removed == 1
    assert paths(reader) == []


def test_a_missing_root_changes_nothing(root: Path, run: Run, reader: Reader) -> None:
    save(root / "a.png", 1)
    run()
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(LibraryError, match="--gallery"):
        run()
    assert reader.counts().images == 1


def test_a_file_still_being_written_is_left_to_the_next_run(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(root / "a.png", 1)
    save(root / "b.png", 2)
    decode = DecodePool.run

    def grow(pool: DecodePool, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        for job, outcome in decode(pool, jobs):
            if job.key.path == "b.png":
                with (root / "b.png").open("ab") as growing:
                    growing.write(b"more")
            yield job, outcome

    with monkeypatch.context() as patched:
        patched.setattr(DecodePool, "run", grow)
        report = run()
    assert (report.added, report.rejected) == (1, 0)
    assert run().added == 1


def test_another_model_embeds_everything_anew_and_then_switches(
    root: Path, run: Run, reader: Reader
) -> None:
    for number in range(6):
        save(root / f"{number}.png", number)
    run()
    before = reader.snapshot()
    ids = {image.path: image.id for image in reader.page().items}
    seen: list[str | None] = []

    def look(progress: Progress) -> None:
        identity = reader.snapshot().identity
        seen.append(identity.name if identity else None)

    other = FakeEmbedder("other")
    run(embedder=other, on_progress=look)
    after = reader.snapshot()
    assert other.calls == 6
    assert set(seen) == {"fake"}  # readers answer from the old model until the switch
    assert after.identity is not None
    assert after.identity.name == "other"
    assert before.generation != after.generation
    assert {image.path: image.id for image in reader.page().items} == ids
    assert run(embedder=other).unchanged == 6


def test_another_model_waits_for_a_library_that_is_not_there(
    root: Path, run: Run, reader: Reader
) -> None:
    for number in range(6):
        save(root / f"{number}.png", number)
    run()
    away = root.rename(root.with_name("unmounted"))
    root.mkdir()
    other = FakeEmbedder("other")
    assert run(embedder=other).offline == 6
    snapshot = reader.snapshot()
    assert snapshot.identity is not None
    assert (snapshot.identity.name, snapshot.rows) == ("fake", 6)  # still to be searched

    root.rmdir()
    away.rename(root)
    run(embedder=other)
    assert other.calls == 6
    snapshot = reader.snapshot()
    assert snapshot.identity is not None
    assert (snapshot.identity.name, snapshot.rows) == ("other", 6)


def test_tiles_are_embedded_along(root: Path, run: Run, reader: Reader) -> None:
    save(root / "a.png", 1)
    run(tiles=len(TILES))
    tiles = reader.snapshot().tiles
    assert tiles is not None
    assert tiles.shape == (1, len(TILES), 48)


def test_progress_counts_committed_images(root: Path, run: Run) -> None:
    for number in range(10):
        save(root / f"{number}.png", number)
    steps: list[Progress] = []
    run(on_progress=steps.append)
    assert steps[0].state == "scanning"
    assert [step.done for step in steps[1:]] == sorted(step.done for step in steps[1:])
    assert (steps[-1].done, steps[-1].total) == (10, 10)


# --- rejected is not for ever ---------------------------------------------------------------------


def test_a_photo_whose_decoder_is_installed_later_is_indexed_then(
    root: Path, run: Run, reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is an extra")
    heif.from_pillow(picture(1)).save(root / "IMG_1.HEIC")
    stub = tmp_path / "stub/pillow_heif.py"
    stub.parent.mkdir()
    stub.write_text("raise ImportError('as if it were not installed')")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(stub.parent))
        assert run().rejected == 1
        [group] = reader.rejections()
        assert group.reason == "HEIC photos need an add-on"
        assert group.advice == install_with("pillow-heif")
        assert (group.count, group.paths) == (1, ("IMG_1.HEIC",))
        patch.setattr("edge_app.photos.reading.lacks.util.find_spec", lambda name: None)
        assert run().rejected == 1
    report = run()
    assert (report.added, report.rejected) == (1, 0)
    assert reader.rejections() == []


def test_a_photo_over_a_limit_is_tried_again_when_the_limit_changes(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(root / "a.png", 1)
    low = replace(LIMITS, file_bytes=100)
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[__name__], "LIMITS", low)
        assert run().rejected == 1
    assert run().added == 1


def test_a_damaged_file_is_tried_again_by_other_decoders_only(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    assert run().rejected == 1
    told: list[Progress] = []
    assert run(on_progress=told.append).rejected == 1
    assert told[-1].total == 0, "nothing was read again"
    assert run(on_progress=told.append, retry=True).rejected == 1
    assert told[-1].total == 1
    monkeypatch.setattr(lacks, "lacks_version", lambda: "version 99")
    run(on_progress=told.append)
    assert told[-1].total == 1


def test_an_edit_that_keeps_size_and_time_is_seen(
    root: Path, run: Run, reader: Reader, embedder: FakeEmbedder
) -> None:
    """As `exiftool -P` edits: into a new file, renamed over the old one, with the old time."""
    file = save(root / "a.bmp", 1)
    run()
    before, stat = reader.page().items[0], file.stat()
    edited = save(tmp := root / ".a.bmp_exiftool_tmp.bmp", 2)
    assert edited.stat().st_size == stat.st_size
    os.utime(tmp, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    tmp.rename(file)
    assert run().updated == 1
    after = reader.page().items[0]
    assert after.content != before.content
    assert (after.id, after.size_bytes, after.mtime_ns) == (
        before.id,
        before.size_bytes,
        before.mtime_ns,
    )
    assert run().unchanged == 1


def test_a_rejected_file_that_was_repaired_in_place_is_tried_again(root: Path, run: Run) -> None:
    file = save(root / "a.bmp", 1)
    sound, stat = file.read_bytes(), file.stat()
    file.write_bytes(b"\0" * len(sound))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert run().rejected == 1
    file.write_bytes(sound)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert run().added == 1


def test_a_copy_of_the_library_in_its_place_is_hashed_and_not_decoded_or_embedded(
    root: Path, run: Run, embedder: FakeEmbedder, reader: Reader
) -> None:
    """As `cp -a` copies: other inodes and change times, everything else the same."""
    for number in range(6):
        save(root / f"{number}.png", number)
    run()
    ids = {image.path: image.id for image in reader.page().items}
    calls = embedder.calls
    copy = root.with_name("copy")
    shutil.copytree(root, copy, copy_function=shutil.copy2)
    shutil.rmtree(root)
    copy.rename(root)
    report = run()
    assert (report.moved, report.added, report.updated) == (6, 0, 0)
    assert embedder.calls == calls
    assert {image.path: image.id for image in reader.page().items} == ids
    assert run().unchanged == 6


def test_what_is_excluded_leaves_the_index_even_if_it_is_most_of_it(
    root: Path, tmp_path: Path, embedder: FakeEmbedder, run: Run, reader: Reader
) -> None:
    for number in range(5):
        save(root / f"scans/{number}.png", number)
    save(root / "a.png", 9)
    run()
    with (
        Writer(tmp_path / "index", root, embedder.identity) as writer,
        DecodePool(SIZE_PX, LIMITS, workers=1, nice=0) as pool,
    ):
        library = Folder(root, Rules(("scans",)))
        report = indexer.index(library, writer, pool, embedder, LIMITS)
    assert (report.removed, report.offline, report.unchanged) == (5, 0, 1)
    assert report.as_json()["skipped"] == [{"reason": "excluded", "count": 1, "example": "scans"}]
    assert paths(reader) == ["a.png"]
