"""The figures of `bench search` say what a search did."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_app.bench import search as benchsearch
from edge_app.errors import UsageError
from edge_app.index.read.reader import Reader
from edge_app.index.write.batch import Batch
from edge_app.search.vectors import bounds
from edge_app.search.vectors.exact import Match
from tests.indexes import DIM, new_image, writer_of


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """300 images, 10 of them dead."""
    with writer_of(tmp_path) as writer:
        ids = writer.commit(Batch(images=[new_image(f"{n}.jpg") for n in range(300)]))
        writer.commit(Batch(removed=ids[::30]))
    return tmp_path / "index"


@pytest.mark.parametrize("by_codes", [True, False])
def test_a_search_is_exact_and_touches_few_vectors_beside_what_it_scans(
    index: Path, by_codes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (benchsearch, bounds):
        monkeypatch.setattr(module, "reads_codes", lambda snapshot: by_codes)
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        figures = benchsearch.measure(snapshot, k=5, queries=20)
        scanned = snapshot.codes if by_codes else snapshot.vectors
    assert (figures.rows, figures.dim, figures.recall) == (290, DIM, 1.0)
    rows_read = (figures.bytes_touched - scanned.nbytes) / (DIM * 4)
    if by_codes:
        assert 5 <= rows_read < 290
    else:
        assert rows_read == 0, "every vector was read already"
    assert 0 < figures.p50_ms <= figures.p95_ms


def test_a_wrong_answer_lowers_the_recall(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        some = [Match(int(id), 0.0) for id in snapshot.ids[snapshot.live][:5]]
        monkeypatch.setattr(benchsearch, "similar", lambda *args, **options: some)
        assert benchsearch.measure(snapshot, k=5, queries=20).recall < 0.5


def test_an_empty_index_is_said_to_be_empty(tmp_path: Path) -> None:
    with Reader(tmp_path) as reader, pytest.raises(UsageError, match="empty"):
        benchsearch.measure(reader.snapshot())


def test_k_may_be_more_than_there_is(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer:
        writer.commit(Batch(images=[new_image("a.jpg"), new_image("b.jpg")]))
    with Reader(tmp_path / "index") as reader:
        assert benchsearch.measure(reader.snapshot(), k=9).recall == 1.0
