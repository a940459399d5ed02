"""An index with codes in the first layout is served as it is, and converted by the next run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_app.index.format.appendfile import HEADER_BYTES
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check, repair
from edge_app.index.write import session
from edge_app.index.write.batch import Batch
from edge_app.search.vectors.exact import similar
from tests.indexes import (
    DIM,
    MODEL,
    OTHER_MODEL,
    new_image,
    to_first_layout,
    view,
    writer_of,
)

PATHS = [f"{number}.jpg" for number in range(40)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an index of the first layout, every tenth row dead."""
    with writer_of(tmp_path) as writer:
        ids = writer.commit(Batch(images=[new_image(path) for path in PATHS]))
        writer.commit(Batch(removed=ids[::10]))
    to_first_layout(tmp_path / "index")
    return tmp_path


def change_byte(path: Path, offset: int) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 255]))


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "index").iterdir()}


def found(folder: Path) -> list[tuple[int, float]]:
    with Reader(folder / "index") as reader:
        query = new_image(PATHS[5]).vector
        return [(match.id, match.score) for match in similar(reader.snapshot(), query, 100)]


def test_it_is_served_as_it_is(folder: Path) -> None:
    before, matches = view(folder / "index"), found(folder)
    assert len(before.embedded) == len(matches) == 36
    assert "bounds-1.f32" not in files(folder)
    assert check(folder / "index").problems == []
    writer_of(folder).close()
    assert "bounds-1.f32" in files(folder)
    assert (view(folder / "index"), found(folder)) == (before, matches)
    assert check(folder / "index").problems == []


def test_it_is_converted_once_and_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Reader(folder / "index") as reader:
        snapshot = reader.snapshot()
        with writer_of(folder) as writer:
            writer.commit(Batch(images=[new_image("new.jpg")]))
        assert similar(snapshot, new_image(PATHS[5]).vector, 1)[0].id == 6, "still mapped"
        assert reader.snapshot().codes.shape == (41, 64)
    monkeypatch.setattr(session, "convert", None)  # would fail
    writer_of(folder).close()
    assert len(view(folder / "index").embedded) == 37


@pytest.mark.parametrize("dim", [1, 3, 64, 100])
def test_codes_of_any_width_are_converted(tmp_path: Path, dim: int) -> None:
    model = replace(MODEL, dim=dim)
    with writer_of(tmp_path, model) as writer:
        writer.commit(Batch(images=[new_image(path, dim=dim) for path in PATHS]))
    before = view(tmp_path / "index")
    to_first_layout(tmp_path / "index")
    assert view(tmp_path / "index") == before
    writer_of(tmp_path, model).close()
    assert view(tmp_path / "index") == before
    assert check(tmp_path / "index").problems == []


def test_the_generation_answered_from_is_converted_beside_the_one_being_built(
    folder: Path,
) -> None:
    with writer_of(folder, OTHER_MODEL) as writer:
        writer.commit(Batch(images=[new_image(PATHS[1], dim=OTHER_MODEL.dim)]))
    to_first_layout(folder / "index")
    writer_of(folder, OTHER_MODEL).close()
    assert {"bounds-1.f32", "bounds-2.f32"} <= files(folder)
    assert check(folder / "index").problems == []


def test_what_had_rotted_before_is_found_before_and_after(folder: Path) -> None:
    size_bytes = 8 + DIM
    change_byte(folder / "index" / "codes-1.i8", HEADER_BYTES + size_bytes + 20)
    (problem,) = check(folder / "index").problems
    assert str(problem).startswith("codes-1.i8: row 1, image 2 (1.jpg), differs")
    writer_of(folder).close()
    (problem,) = check(folder / "index").problems
    assert str(problem).startswith("bounds-1.f32 or codes-1.i8: row 1, image 2 (1.jpg), differs")


def test_a_damaged_header_of_the_first_layout_is_written_anew(folder: Path) -> None:
    change_byte(folder / "index" / "codes-1.i8", 30)
    assert [str(problem) for problem in check(folder / "index").problems] == [
        "codes-1.i8 has a damaged header (CRC differs)"
    ]
    repair(folder / "index")
    assert check(folder / "index").problems == []
    writer_of(folder).close()
    assert len(view(folder / "index").embedded) == 36
