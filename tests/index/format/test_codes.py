"""What a code, its scale and its angle are."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
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


@pytest.mark.parametrize("dim", [1, 64, 255, 1000, 1280])
def test_a_code_takes_a_byte_a_coordinate_and_begins_at_a_multiple_of_64(dim: int) -> None:
    encoded = codes.encode(random_units(5, 3, dim))
    assert encoded.codes.shape == (3, codes.width(dim))
    assert encoded.bounds.shape == (3, 2)
    assert codes.width(dim) % 64 == 0
    assert dim <= codes.width(dim) < dim + 64
    assert not encoded.codes[:, dim:].any()


@pytest.mark.parametrize("dim", [1, 3, 100, 256])
def test_scale_and_angle_say_how_code_and_vector_lie(dim: int) -> None:
    vectors = random_units(7, 50, dim)
    encoded = codes.encode(vectors)
    wide = encoded.codes[:, :dim].astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    assert encoded.bounds[:, 0] == pytest.approx(1 / lengths, rel=1e-6)
    rotated = codes._rotate(vectors)
    cosines = (wide * rotated).sum(axis=1) / lengths / np.linalg.norm(rotated, axis=1)
    assert np.cos(encoded.bounds[:, 1]) == pytest.approx(cosines, abs=1e-6)


@pytest.mark.parametrize("dim", [1, 2, 8, 12, 96, 256, 1280])
def test_the_rotation_keeps_every_score(dim: int) -> None:
    vectors = random_units(8, 20, dim)
    rotated = codes._rotate(vectors)
    assert rotated @ rotated.T == pytest.approx(scores(vectors, vectors), abs=1e-12)


@pytest.mark.parametrize("damage", [np.nan, np.inf, -0.5, 2.0])
@pytest.mark.parametrize("column", [0, 1])
def test_a_scale_or_angle_that_none_can_be_is_found(column: int, damage: float) -> None:
    bounds = codes.encode(random_units(9, 10, 16)).bounds
    assert codes.largest_angle(bounds) == bounds[:, 1].max()
    bounds[4, column] = damage
    with pytest.raises(ValueError, match="damaged"):
        codes.largest_angle(bounds)


def test_batches_encode_as_the_whole_does() -> None:
    vectors = random_units(6, 100, 40)
    parts = [codes.encode(part) for part in np.split(vectors, [1, 50])]
    whole = codes.encode(vectors)
    assert np.array_equal(np.concatenate([part.codes for part in parts]), whole.codes)
    assert np.array_equal(np.concatenate([part.bounds for part in parts]), whole.bounds)


def test_the_format_stays_what_it_is() -> None:
    """Codes are kept in the index: another rotation or layout would make old ones wrong."""
    vectors = np.eye(8, dtype=np.float32)[:2]
    signs = [[1, 1, 1, 1, 1, 1, 1, 1], [1, -1, 1, -1, 1, -1, 1, -1]]
    found = codes.encode(vectors).codes[:, :8] // 127
    assert (found * found[:, :1]).tolist() == signs
