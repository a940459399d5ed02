"""Readers follow an index from before there is one, whatever writers do to it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edge_app.errors import NotFoundError, StoreError
from edge_app.index.format.appendfile import HEADER_BYTES
from edge_app.index.format.records import UNDATED
from edge_app.index.read.filters import Filter
from edge_app.index.read.reader import Reader
from edge_app.index.write.batch import Batch
from tests.conftest import ROOT
from tests.indexes import DIM, MODEL, OTHER_MODEL, new_image, vector_of, writer_of


def add(folder: Path, *paths: str) -> None:
    with writer_of(folder) as writer:
        writer.commit(Batch(images=[new_image(path) for path in paths]))


def test_before_the_first_run_a_reader_answers_as_an_empty_index_does(tmp_path: Path) -> None:
    with Reader(tmp_path / "index") as reader:
        snapshot = reader.snapshot()
        assert (snapshot.generation, snapshot.identity, snapshot.rows) == (0, None, 0)
        assert snapshot.vectors.shape == (0, 0)
        assert reader.page(filter=Filter(folder="a")).total == 0
        assert reader.layout()[0].ids.tolist() == []
        assert reader.facets().taken_from is None
        assert (reader.folders(), reader.counts().images) == ([], 0)
        for ask in (reader.image, reader.thumbnail, snapshot.row_of):
            with pytest.raises(NotFoundError):
                ask(1)
    assert not (tmp_path / "index").exists()


def test_a_reader_notices_an_index_that_appears_changes_and_is_built_anew(tmp_path: Path) -> None:
    with Reader(tmp_path / "index") as reader:
        assert reader.snapshot().rows == 0
        add(tmp_path, "a.jpg", "b.jpg")
        assert reader.snapshot().rows == 2
        add(tmp_path, "c.jpg")
        assert reader.snapshot().rows == 3
        shutil.rmtree(tmp_path / "index")
        assert reader.snapshot().rows == 0
        add(tmp_path, "d.jpg")
        assert reader.snapshot().rows == 1
        assert reader.thumbnail(1)[0] == new_image("d.jpg").thumbnail


def test_a_snapshot_is_the_same_object_until_something_changes(tmp_path: Path) -> None:
    with Reader(tmp_path / "index") as reader:
        add(tmp_path, "a.jpg")
        snapshot, version = reader.snapshot(), reader.version()
        reader.page()
        assert reader.snapshot() is snapshot
        assert reader.version() == version
        add(tmp_path, "b.jpg")
        assert reader.snapshot() is not snapshot
        assert reader.version() != version
        assert snapshot.rows == 1


@pytest.mark.parametrize("name", ["vectors-*", "codes-*", "bounds-*"])
def test_a_copy_whose_bytes_did_not_arrive_has_another_digest(tmp_path: Path, name: str) -> None:
    add(tmp_path, "a.jpg", "b.jpg")
    digests = []
    for copy in ("whole", "holed"):
        folder = shutil.copytree(tmp_path / "index", tmp_path / copy)
        if copy == "holed":
            (file,) = folder.glob(name)
            data = file.read_bytes()
            file.write_bytes(data[:HEADER_BYTES].ljust(len(data), b"\0"))
        with Reader(folder) as reader:
            digests.append(reader.snapshot().digest)
    with Reader(tmp_path / "index") as reader:
        assert reader.snapshot().digest == digests[0] != digests[1]


def test_columns_say_what_the_catalogue_says(tmp_path: Path) -> None:
    shapes = {"a/x.jpg": (4, 3), "b/y.png": (3, 4), "z.jpg": (5, 5)}
    images = [
        new_image(
            path,
            width_px=width,
            height_px=height,
            format="PNG" if "png" in path else "JPEG",
            taken_at=None if "z" in path else 1_500_000_000,
        )
        for path, (width, height) in shapes.items()
    ]
    with writer_of(tmp_path) as writer, Reader(tmp_path / "index") as reader:
        writer.commit(Batch(images=images))
        snapshot = reader.snapshot()
        assert snapshot.identity == MODEL
        assert snapshot.ids.tolist() == [1, 2, 3]
        assert [snapshot.folders[place] for place in snapshot.folder] == ["a", "b", ""]
        assert [snapshot.formats[place] for place in snapshot.format] == ["JPEG", "PNG", "JPEG"]
        assert snapshot.orientation.tolist() == [0, 1, 2]
        assert snapshot.taken_at.tolist() == [1_500_000_000, 1_500_000_000, UNDATED]
        twins = [int.from_bytes(image.content[:8], "little") for image in images]
        assert snapshot.twin.tolist() == twins
        assert snapshot.vectors.dtype == np.float32
        assert not snapshot.vectors.flags.writeable


def test_the_same_content_twice_is_a_twin(tmp_path: Path) -> None:
    image = new_image("a.jpg")
    copy = new_image("b.jpg", content=image.content)
    with writer_of(tmp_path) as writer, Reader(tmp_path / "index") as reader:
        writer.commit(Batch(images=[image, copy, new_image("c.jpg")]))
        first, second, third = reader.snapshot().twin.tolist()
        assert first == second != third


@pytest.mark.parametrize("id", [0, -1, 2, 2**63, -(2**63), 10**30])
def test_an_id_that_never_was_is_not_found(tmp_path: Path, id: int) -> None:
    add(tmp_path, "a.jpg")
    with Reader(tmp_path / "index") as reader:
        assert reader.images([id, 1]) == [reader.image(1)]
        for ask in (reader.image, reader.thumbnail, reader.snapshot().row_of):
            with pytest.raises(NotFoundError):
                ask(id)


def test_rows_are_read_without_the_map(tmp_path: Path) -> None:
    add(tmp_path, *[f"{n}.jpg" for n in range(20)])
    with Reader(tmp_path / "index") as reader:
        snapshot = reader.snapshot()
        rows = np.array([7, 0, 19, 7])
        assert np.array_equal(snapshot.read_rows(rows), snapshot.vectors[rows])
        assert snapshot.read_rows(rows[:0]).shape == (0, DIM)


def test_a_snapshot_outlives_the_reader_and_the_files(tmp_path: Path) -> None:
    add(tmp_path, "a.jpg")
    with Reader(tmp_path / "index") as reader:
        snapshot = reader.snapshot()
    shutil.rmtree(tmp_path / "index")
    expected = vector_of(new_image("a.jpg").content)
    assert np.array_equal(snapshot.vectors[0], expected)
    assert np.array_equal(snapshot.read_rows(np.array([0]))[0], expected)


def test_threads_read_while_a_writer_commits_switches_and_rewrites(tmp_path: Path) -> None:
    failures: list[Exception] = []
    done = threading.Event()
    reader = Reader(tmp_path / "index")

    def read() -> None:
        while not done.is_set():
            try:
                snapshot = reader.snapshot()
                for image in reader.page(limit=5).items:
                    data, _ = reader.thumbnail(image.id)
                    assert data == new_image(image.path).thumbnail
                for row in np.flatnonzero(snapshot.live):
                    image = reader.images([int(snapshot.ids[row])])[0]
                    vector = vector_of(image.content, snapshot.vectors.shape[1])
                    assert np.array_equal(snapshot.vectors[row], vector)
            except (NotFoundError, IndexError):
                continue  # removed since the snapshot
            except Exception as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    removed = 0
    for model in [MODEL, OTHER_MODEL] * 4:
        with writer_of(tmp_path, model) as writer:
            missing = [path for path, known in writer.known().items() if not known.embedded]
            paths = [*missing, f"{removed}.jpg", f"{removed}b.jpg"]
            writer.commit(Batch(images=[new_image(path, dim=model.dim) for path in paths]))
            oldest = min(known.id for known in writer.known().values())
            writer.commit(Batch(removed=[oldest]))
            removed += 1
            writer.finish()
    done.set()
    for thread in threads:
        thread.join()
    reader.close()
    assert failures == []


def test_a_rotten_thumbnail_is_not_served(tmp_path: Path) -> None:
    add(tmp_path, "a.jpg")
    path = tmp_path / "index" / "thumbs-1.bin"
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 3] ^= 1
    path.write_bytes(data)
    with Reader(tmp_path / "index") as reader, pytest.raises(StoreError, match=r"a\.jpg.*damaged"):
        reader.thumbnail(1)


@pytest.mark.parametrize("name", ["vectors-1.f32", "codes-1.i8"])
def test_a_file_cut_short_is_refused_rather_than_mapped(tmp_path: Path, name: str) -> None:
    add(tmp_path, "a.jpg", "b.jpg")
    path = tmp_path / "index" / name
    path.write_bytes(path.read_bytes()[:-1])
    with Reader(tmp_path / "index") as reader, pytest.raises(StoreError, match=f"{name} is short"):
        reader.snapshot()


@pytest.mark.parametrize("name", ["vectors-1.f32", "thumbs-1.bin"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    add(tmp_path, "a.jpg")
    (tmp_path / "index" / name).unlink()
    with (
        Reader(tmp_path / "index") as reader,
        pytest.raises(StoreError, match=f"{name} is missing"),
    ):
        reader.thumbnail(1) if name.startswith("thumbs") else reader.snapshot()


def test_a_folder_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("")
    with Reader(tmp_path / "index") as reader, pytest.raises(StoreError, match="can't be read"):
        reader.snapshot()
    with pytest.raises(StoreError, match=f"{tmp_path}/index can't be written"):
        writer_of(tmp_path)


def test_a_catalogue_that_is_none_is_refused_until_it_is_one(tmp_path: Path) -> None:
    add(tmp_path, "a.jpg")
    path = tmp_path / "index" / "catalog.db"
    sound = path.read_bytes()
    with Reader(tmp_path / "index") as reader:
        path.write_bytes(b"nonsense" * 1000)
        with pytest.raises(StoreError, match="can't be read"):
            reader.snapshot()
        path.write_bytes(sound)
        assert reader.snapshot().rows == 1


def test_opening_an_index_loads_no_decoder_and_no_runtime() -> None:
    """Their memory and time are for those who decode and embed."""
    script = (
        "import sys, edge_app.index.read.reader; "
        "print(sorted({'PIL', 'tflite_runtime', 'ai_edge_litert'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
