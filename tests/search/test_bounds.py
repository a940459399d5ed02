"""No row that can reach a score is left out, and few others are asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_app import memory
from edge_app.config import MiB
from edge_app.errors import StoreError
from edge_app.index.format import codes
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors import bounds
from edge_app.search.vectors.bounds import bounds_of
from tests.columns import Columns
from tests.index.format.test_codes import random_units, scores


@pytest.fixture(autouse=True)
def from_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes bound the scores, however few they are."""
    monkeypatch.setattr(bounds, "reads_codes", lambda snapshot: True)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**32 - 2),
    rows=st.integers(0, 600),
    dim=st.sampled_from([1, 2, 3, 5, 8, 96, 100, 256]),
    spread=st.sampled_from([0.0, 1.0, 6.0]),
    at=st.integers(0, 599),
)
def test_every_row_that_reaches_a_score_is_asked_for(
    seed: int, rows: int, dim: int, spread: float, at: int
) -> None:
    vectors = random_units(seed, rows, dim, spread)
    queries = np.concatenate([random_units(seed + 1, 2, dim, spread), vectors[:2], -vectors[:2]])
    snapshot = cast(Snapshot, Columns(vectors))
    exact = scores(vectors, queries)
    for bound, row in zip(bounds_of(snapshot, queries, None, False), exact, strict=True):
        for least in (*row[at : at + 1].tolist(), -1.0, 0.0, 0.9):
            found = set(bound.reaching(least).tolist())
            assert found >= set(np.flatnonzero(row >= least).tolist())


def test_of_a_thousand_rows_few_are_asked_for_in_vain() -> None:
    vectors = random_units(3, 1000, 1280)
    (bound,) = bounds_of(cast(Snapshot, Columns(vectors)), vectors[:1], None, False)
    exact = scores(vectors, vectors[:1])[0]
    least = np.sort(exact)[-50]
    assert 50 <= len(bound.reaching(least)) < 400
    assert bound.reaching(0.99).tolist() == [0]


def test_the_rotation_keeps_a_few_large_coordinates_from_spoiling_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = random_units(4, 200, 256, spread=3)
    rotated = codes.encode(vectors).bounds[:, 1]
    monkeypatch.setattr(codes, "_rotate", lambda vectors: vectors.astype(np.float64))
    assert rotated.mean() < codes.encode(vectors).bounds[:, 1].mean() / 2


def test_hidden_rows_are_not_asked_for() -> None:
    vectors = random_units(5, 100, 16)
    hidden = np.arange(100) % 2 == 0
    (bound,) = bounds_of(cast(Snapshot, Columns(vectors)), vectors[:1], hidden, False)
    bound.products.hide(7)
    visible = [row for row in range(1, 100, 2) if row != 7]
    assert sorted(bound.reaching(-1).tolist()) == visible
    assert sorted(bound.products.highest(200).tolist()) == visible


def test_damaged_bounds_are_an_error_and_no_answer() -> None:
    columns = Columns(random_units(6, 100, 16))
    columns.bounds[5, 1] = np.nan
    (bound,) = bounds_of(cast(Snapshot, columns), columns.vectors[:1], None, False)
    with pytest.raises(StoreError, match="check --repair"):
        bound.reaching(0.5)


@pytest.mark.parametrize(
    ("size_bytes", "instructions", "available_bytes", "codes_read"),
    [
        (8 * MiB, "haswell", 0, False),
        (9 * MiB, "haswell", 10**12, True),
        (32 * MiB, None, 0, False),
        (80 * MiB, None, 100 * MiB, False),
        (81 * MiB, None, 100 * MiB, True),
    ],
)
def test_codes_are_read_where_that_is_faster(
    size_bytes: int,
    instructions: str | None,
    available_bytes: int,
    codes_read: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(bounds, "instructions", lambda: instructions)
    monkeypatch.setattr(memory, "available_bytes", lambda: available_bytes)
    vectors = np.broadcast_to(np.float32(0), (size_bytes // 4096, 1024))
    snapshot = cast(Snapshot, SimpleNamespace(vectors=vectors))
    assert bounds.reads_codes(snapshot) is codes_read
