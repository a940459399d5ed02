"""A code's bound is never below a score, and seldom far above it."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_app.index.format import codes
from edge_app.index.format.codes import Floats


def random_units(seed: int, rows: int, dim: int, spread: float = 1.0) -> Floats:
    """`spread` above 1 makes few coordinates large: the hard case for a common scale."""
    vectors = np.random.default_rng(seed).standard_normal((rows, dim))
    vectors = np.sign(vectors) * np.abs(vectors) ** spread
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return cast(Floats, (vectors / lengths).astype(np.float32))


def scores(vectors: Floats, queries: Floats) -> NDArray[np.float64]:
    products: NDArray[np.float64] = queries.astype(np.float64) @ vectors.astype(np.float64).T
    return products


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 2),
    rows=st.integers(0, 600),
    dim=st.sampled_from([1, 2, 3, 5, 8, 96, 100, 256]),
    spread=st.sampled_from([0.0, 1.0, 6.0]),
)
def test_no_score_is_above_its_bound(seed: int, rows: int, dim: int, spread: float) -> None:
    vectors = random_units(seed, rows, dim, spread)
    queries = np.concatenate([random_units(seed + 1, 2, dim, spread), vectors[:2], -vectors[:2]])
    bounds = codes.upper_bounds(codes.encode(vectors), queries)
    assert bounds.shape == (len(queries), rows)
    assert (bounds >= scores(vectors, queries)).all()


def test_one_query_is_bounded_as_many_are() -> None:
    packed, queries = codes.encode(random_units(1, 700, 64)), random_units(2, 5, 64)
    many = codes.upper_bounds(packed, queries)
    for query, bounds in zip(queries, many, strict=True):
        alone = codes.upper_bounds(packed, query[np.newaxis])
        assert alone[0] == pytest.approx(bounds, abs=1e-6)


def test_bounds_are_tight_and_tighter_for_higher_scores() -> None:
    vectors = random_units(3, 500, 1280)
    bounds = codes.upper_bounds(codes.encode(vectors), vectors[:1])
    above = bounds[0] - scores(vectors, vectors[:1])[0]
    assert above.max() < 0.015
    assert above[0] < 0.0002


def test_the_rotation_keeps_a_few_large_coordinates_from_spoiling_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = random_units(4, 200, 256, spread=3)
    rotated = codes.upper_bounds(codes.encode(vectors), vectors)
    monkeypatch.setattr(codes, "_rotate", lambda vectors: vectors.astype(np.float64))
    plain = codes.upper_bounds(codes.encode(vectors), vectors)
    exact = scores(vectors, vectors)
    assert (rotated - exact).mean() < (plain - exact).mean() / 2


@pytest.mark.parametrize("dim", [1, 4, 255, 1280])
def test_a_row_takes_a_byte_a_coordinate_and_little_more(dim: int) -> None:
    assert codes.encode(random_units(5, 3, dim)).shape == (3, codes.code_bytes(dim))
    assert dim + 8 <= codes.code_bytes(dim) < dim + 12


def test_batches_encode_as_the_whole_does() -> None:
    vectors = random_units(6, 100, 40)
    parts = [codes.encode(part) for part in np.split(vectors, [1, 50])]
    assert np.array_equal(np.concatenate(parts), codes.encode(vectors))


def test_the_format_stays_what_it_is() -> None:
    """Codes are kept in the index: another rotation or layout would make old ones wrong."""
    vectors = np.eye(8, dtype=np.float32)[:1]
    row = codes.encode(vectors)[0]
    assert row[8:].view(np.int8).tolist() == [127] * 8
