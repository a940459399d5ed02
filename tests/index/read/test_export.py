"""export: what other programs read back is what the index holds."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_app.cli.arguments import main
from edge_app.errors import StoreError, UsageError
from edge_app.index.read import export as exporting
from edge_app.index.read.export import export
from edge_app.index.read.reader import Reader
from edge_app.index.write.batch import Batch
from tests.indexes import DIM, new_image, vector_of, writer_of

ODD = {  # what a name and a date may be, and what other programs read
    "a \"b\"\n'c'; --,\\.jpg": (-62135596800, "0001-01-01T00:00:00"),
    "Ünï/😀 %20\t\x1b.jpg": (253402300799, "9999-12-31T23:59:59"),
    "null.jpg": (None, None),
    "old.jpg": (-1, "1969-12-31T23:59:59"),
}
IMAGES = 10 + len(ODD)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """An index with a dead row and a name that is no UTF-8, in blocks of four."""
    monkeypatch.setattr(exporting, "_BLOCK_ROWS", 4)
    with writer_of(tmp_path) as writer:
        dated: dict[str, int | None] = {f"{number}.jpg": 1_700_000_000 for number in range(10)}
        dated |= {name: taken_at for name, (taken_at, _) in ODD.items()}
        dated[os.fsdecode(b"\xff.jpg")] = 1_700_000_000
        ids = writer.commit(Batch([new_image(path, taken_at=at) for path, at in dated.items()]))
        writer.commit(Batch(removed=[ids[3]]))
    with Reader(tmp_path / "index") as reader:
        yield reader


def told(reader: Reader) -> dict[int, bytes]:
    """The vector of each image, as the index has it."""
    snapshot = reader.snapshot()
    return {
        int(id): snapshot.vectors[row].tobytes()
        for row, id in enumerate(snapshot.ids)
        if snapshot.live[row]
    }


def test_numpy_reads_what_was_exported(reader: Reader, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    made = export(reader, tmp_path / "out", "npy", lambda *step: steps.append(step))
    assert [path.name for path in made] == ["vectors.npy", "ids.npy", "images.jsonl"]
    assert steps == [(done, IMAGES) for done in (4, 8, 12, IMAGES)]
    vectors, ids = np.load(tmp_path / "out/vectors.npy", mmap_mode="r"), np.load(made[1])
    assert vectors.shape == (IMAGES, DIM)
    assert {int(id): row.tobytes() for id, row in zip(ids, vectors, strict=True)} == told(reader)
    facts = [json.loads(line) for line in made[2].read_text().splitlines()]
    assert [fact["id"] for fact in facts] == ids.tolist() == sorted(ids.tolist())
    assert facts[0]["path"] == "0.jpg"
    assert facts[-1]["path"] == r"\xff.jpg"
    dates = {fact["path"]: fact["taken_at"] for fact in facts}
    assert {path: dates[path] for path in ODD} == {path: at for path, (at, _) in ODD.items()}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        path.name for path in made
    )


def test_without_pyarrow_nothing_is_made(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UsageError, match="or use --format npy"):
        export(reader, tmp_path / "out", "parquet", lambda done, total: None)
    assert not (tmp_path / "out").exists()


def test_pyarrow_and_duckdb_read_what_was_exported(reader: Reader, tmp_path: Path) -> None:
    parquet, duckdb = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("duckdb")
    (made,) = export(reader, tmp_path / "out", "parquet", lambda *_: None)
    table = parquet.read_table(made)
    assert table.num_rows == IMAGES
    rows = table.to_pylist()
    vectors = {row["id"]: np.array(row["vector"], np.float32).tobytes() for row in rows}
    assert vectors == told(reader)
    assert rows[0]["taken_at"].isoformat() == "2023-11-14T22:13:20"
    best = duckdb.sql(
        f"SELECT b.path FROM '{made}' a, '{made}' b WHERE a.path = '5.jpg' "
        "ORDER BY list_dot_product(a.vector, b.vector) DESC LIMIT 1"
    ).fetchall()
    assert best == [("5.jpg",)]
    by_arrow = {row["path"]: row["taken_at"] for row in rows}
    by_duckdb = dict(duckdb.sql(f"SELECT path, taken_at FROM '{made}'").fetchall())
    for path, (_, shown) in ODD.items():
        for dates in (by_arrow, by_duckdb):
            assert (dates[path] and dates[path].isoformat()) == shown


def test_nothing_is_replaced_and_nothing_half_written_is_left(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    export(reader, out, "npy", lambda *_: None)
    with pytest.raises(UsageError, match=r"vectors\.npy is there already"):
        export(reader, out, "npy", lambda *_: None)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="can't be written: No space left on device"):
        export(reader, tmp_path / "full", "npy", full)
    assert list((tmp_path / "full").iterdir()) == []


def test_the_command_names_the_files(
    reader: Reader, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(tmp_path / "out"), "--index", str(tmp_path / "index"), "--format", "npy"]
    assert main(words) == 0
    assert capsys.readouterr().out.split()[0] == str(tmp_path / "out/vectors.npy")
    assert main(["export", str(tmp_path / "x"), "--index", str(tmp_path / "none")]) == 1
    assert "No index in" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_the_vector_is_the_one_that_was_committed(reader: Reader) -> None:
    first = min(told(reader))
    image = reader.image(first)
    assert told(reader)[first] == vector_of(image.content).tobytes()
