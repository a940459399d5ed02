"""Which photos have nearly the same pattern: all pairs within 6 of 64 bits, turned ones too.

64 bits are cut into four parts of 16. Where two patterns differ in 6 bits at most, one of three
parts differs in one at most, or the fourth in none: 2 + 2 + 2 + 1 were 7. So each part of each
pattern is looked up in a table, as it is and with each bit flipped (the fourth as it is), and only
what is found there is compared as a whole. Exact: no pair is missed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge_app.photos.pattern import FLAT, WAVES
from edge_app.search.alike.forest import Pairs

Patterns = NDArray[np.uint64]  # (n,)

# Finds .80 of the copies of flowers edited in 21 ways, and no false pair (docs/search.md).
WITHIN_BITS = 6
_PARTS = 4
_FLIPS = [np.array([0, *(1 << bit for bit in range(16))])] * 3 + [np.array([0])]
_CANDIDATES = 1 << 17  # compared at a time: what a cache holds

_UP = np.array([u % 2 for u, _ in WAVES], np.bool_)  # waves that turning upside down negates
_ACROSS = np.array([v % 2 for _, v in WAVES], np.bool_)  # and those that mirroring does
_SWAPPED = np.array([WAVES.index((v, u)) for u, v in WAVES])


def turned(patterns: Patterns) -> NDArray[np.uint64]:
    """(n,) -> (8, n): the patterns of each photo as it is, mirrored, upside down and both, and the
    same with its sides swapped."""
    bits = _bits(patterns)
    ways = [
        sides ^ signs
        for sides in (bits, bits[:, _SWAPPED])
        for signs in (np.zeros(64, np.bool_), _ACROSS, _UP, _ACROSS ^ _UP)
    ]
    return np.stack([_packed(way) for way in ways])


def distances(one: Patterns, others: Patterns) -> NDArray[np.int64]:
    """(n,) patterns and one or (n,) others -> (n,) the fewest bits that differ, in any turn."""
    apart: NDArray[np.int64] = np.min([_ones(way ^ others) for way in turned(one)], axis=0)
    return apart


def near_pairs(patterns: Patterns) -> Iterator[Pairs]:
    """All pairs of places in (n,) patterns within WITHIN_BITS in any turn, some of them more than
    once, the lower place first. Of equal patterns each is paired with the first only; flat ones
    with none."""
    places = np.flatnonzero(patterns != FLAT)
    different, first, which = np.unique(patterns[places], return_index=True, return_inverse=True)
    first = places[first]
    equal = np.stack([first[which], places], axis=1)
    yield equal[equal[:, 0] < equal[:, 1]]
    tables = [_Table(part) for part in _parts(different)]
    for way in turned(different):
        for table, wanted, flips in zip(tables, _parts(way), _FLIPS, strict=True):
            for rows, found in table.near(wanted, flips):
                near = _ones(way[rows] ^ different[found]) <= WITHIN_BITS
                yield np.sort(np.stack([first[rows[near]], first[found[near]]], axis=1), axis=1)


class _Table:
    """(n,) numbers of 16 bits, to look up which are one bit away at most."""

    def __init__(self, numbers: NDArray[np.int64]) -> None:
        order = np.argsort(numbers, kind="stable")
        starts = np.searchsorted(numbers[order], np.arange((1 << 16) + 1))
        self._order, self._starts = order.astype(np.int32), starts.astype(np.int32)

    def near(
        self, wanted: NDArray[np.int64], flips: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Places in `wanted`, and higher places of numbers that are the same except for one of
        `flips`, some at a time."""
        rows = np.arange(len(wanted), dtype=np.int32)
        for flip in flips:
            key = wanted ^ flip
            begin = self._starts[key]
            counts = self._starts[key + 1] - begin
            ends = np.cumsum(counts, dtype=np.int32)
            offsets = begin - (ends - counts)
            start, done = 0, 0
            while start < len(wanted):
                stop = max(start + 1, int(np.searchsorted(ends, done + _CANDIDATES)))
                some = slice(start, stop)
                one = np.repeat(rows[some], counts[some])
                other = self._order[
                    np.arange(done, done + len(one), dtype=np.int32)
                    + np.repeat(offsets[some], counts[some])
                ]
                once = np.flatnonzero(one < other)
                yield one[once], other[once]
                start, done = stop, done + len(one)


def _bits(patterns: Patterns) -> NDArray[np.bool_]:
    """(n, 64), bit i in column i."""
    octets = patterns.astype("<u8")[:, np.newaxis].view(np.uint8)
    return np.unpackbits(octets, axis=1, bitorder="little").astype(np.bool_)


def _packed(bits: NDArray[np.bool_]) -> Patterns:
    """The inverse of `_bits`."""
    octets = np.packbits(bits, axis=1, bitorder="little")
    return np.ascontiguousarray(octets).view("<u8")[:, 0].astype(np.uint64)


def _parts(patterns: Patterns) -> list[NDArray[np.int64]]:
    """Four numbers of 16 bits of each, slow and fast waves in each: slow ones differ less."""
    bits = _bits(patterns)
    mixed = np.concatenate([bits[:, part::_PARTS] for part in range(_PARTS)], axis=1)
    whole = _packed(mixed)
    return [(whole >> np.uint64(16 * part) & np.uint64(0xFFFF)).astype(np.int64)
            for part in range(_PARTS)]  # fmt: skip


def _ones(numbers: Patterns) -> NDArray[np.int64]:
    """How many bits of each are set: NumPy has `bitwise_count` from 2.0 on."""
    if hasattr(np, "bitwise_count"):
        counted: NDArray[np.int64] = np.bitwise_count(numbers).astype(np.int64)
        return counted
    u = np.uint64
    numbers = numbers - (numbers >> u(1) & u(0x5555555555555555))
    numbers = (numbers & u(0x3333333333333333)) + (numbers >> u(2) & u(0x3333333333333333))
    numbers = numbers + (numbers >> u(4)) & u(0x0F0F0F0F0F0F0F0F)
    return (numbers * u(0x0101010101010101) >> u(56)).astype(np.int64)
