"""patterns: every pair within 6 bits, in any turn, and none besides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps

from edge_app.photos.pattern import FLAT, pattern_of
from edge_app.search.alike import patterns
from edge_app.search.alike.patterns import WITHIN_BITS, Patterns, distances, near_pairs, turned
from tests.photos.test_pattern import photo

TURNS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda image: image,
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "turned by 90°": lambda image: image.rotate(90, expand=True),
    "turned by 180°": lambda image: image.rotate(180),
    "turned by 270°": lambda image: image.rotate(270, expand=True),
    "transposed": lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    "transversed": lambda image: image.transpose(Image.Transpose.TRANSVERSE),
}


def some_patterns(count: int, seed: int = 0) -> Patterns:
    return np.random.default_rng(seed).integers(1, 2**63, count, dtype=np.uint64)


def flipped(values: Patterns, bits: int, seed: int = 1) -> Patterns:
    """The patterns with so many bits of each flipped."""
    random = np.random.default_rng(seed)
    out = values.copy()
    for place in range(len(values)):
        for bit in random.choice(64, bits, replace=False):
            out[place] ^= np.uint64(1) << np.uint64(bit)
    return out


def found(values: Patterns) -> set[tuple[int, int]]:
    return {(one, other) for pairs in near_pairs(values) for one, other in pairs.tolist()}


def test_every_turn_of_a_photo_follows_from_its_pattern() -> None:
    ways = turned(np.array([pattern_of(photo(seed)) for seed in range(10)], np.uint64))
    for name, turn in TURNS.items():
        for seed in range(10):
            made = pattern_of(turn(photo(seed)))
            nearest = min(int(way ^ np.uint64(made)).bit_count() for way in ways[:, seed])
            assert nearest <= 2, name


def test_all_pairs_are_those_of_a_brute_force() -> None:
    base = some_patterns(200)
    parts = [flipped(base[:150], bits, bits) for bits in (1, 3, 6, 7)]
    ways = [flipped(turned(base)[way], 5, way) for way in range(1, 8)]
    values = np.concatenate([base, *parts, *ways, np.full(4, FLAT, np.uint64)])
    expected = {
        (place, int(other))
        for place in range(len(values) - 4)
        for other in np.flatnonzero(
            distances(values[place + 1 : -4], values[place]) <= WITHIN_BITS
        ) + place + 1
    }  # fmt: skip
    assert found(values) == expected
    assert len(expected) > 150 * 3 + 200 * 7


def test_equal_ones_are_paired_with_the_first_only() -> None:
    values = np.repeat(some_patterns(2), 500)
    assert found(values) == {(0, n) for n in range(1, 500)} | {(500, n) for n in range(501, 1000)}


def test_flat_ones_are_like_nothing() -> None:
    assert found(np.zeros(50, np.uint64)) == set()


def test_work_in_small_pieces_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.concatenate([some_patterns(300), flipped(some_patterns(300), 4)])
    whole = found(values)
    assert len(whole) == 300
    monkeypatch.setattr(patterns, "_CANDIDATES", 7)
    assert found(values) == whole
