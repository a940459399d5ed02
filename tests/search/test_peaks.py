"""The high values among many are found, and nothing else, from the largest of each few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_app.search.vectors.peaks import BLOCK_ROWS, Floats, Hidden, Peaks, Table


def peaks_of(values: Floats, hidden: Hidden | None = None) -> Peaks:
    table = Table(1, len(values))
    table.values[0, : len(values)] = values
    table.finish(0, len(values), hidden)
    (peaks,) = table
    return peaks


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.sampled_from([0, 1, 127, 129, BLOCK_ROWS - 1, BLOCK_ROWS, 3 * BLOCK_ROWS + 130]),
    kinds=st.sampled_from([1, 3, 1000, 2**31]),
    count=st.integers(1, 700),
    share=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
    spread=st.sampled_from([1.0, 1e4]),
)
def test_they_are_those_that_sorting_finds(
    seed: int, rows: int, kinds: int, count: int, share: float, spread: float
) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.integers(0, kinds, rows) / kinds * 2 - 1).astype(np.float32) * np.float32(spread)
    hidden = rng.random(rows) < share
    peaks = peaks_of(values, hidden)
    visible = np.flatnonzero(~hidden)

    found = peaks.highest(count)
    best = np.sort(values[visible])[::-1][:count]
    assert len(set(found.tolist())) == len(found)
    assert not hidden[found].any()
    assert np.sort(values[found])[::-1].tolist() == best.tolist()

    for least in [*best[-1:].tolist(), -np.inf]:
        reaching = np.sort(peaks.reaching(least))
        assert reaching.tolist() == visible[values[visible] >= least].tolist()


@pytest.mark.parametrize("row", [0, 130, BLOCK_ROWS - 1, BLOCK_ROWS + 5])
def test_a_row_hidden_later_makes_room_for_the_next(row: int) -> None:
    values = np.linspace(0, 0.5, BLOCK_ROWS + 9).astype(np.float32)
    values[row], values[row - 1] = 1, 0.9
    peaks = peaks_of(values)
    assert peaks.highest(1).tolist() == [row]
    peaks.hide(row)
    assert peaks.highest(1).tolist() == [row - 1 if row else len(values) - 1]
    assert row not in peaks.reaching(-1).tolist()


def test_a_value_that_is_no_number_hides_no_other() -> None:
    values = np.linspace(-1, 1, 1000).astype(np.float32)
    values[::2] = np.nan
    peaks = peaks_of(values)
    assert sorted(peaks.highest(3).tolist()) == [995, 997, 999]
    assert sorted(peaks.reaching(-1).tolist()) == list(range(1, 1000, 2))


def test_pieces_may_be_finished_in_any_order() -> None:
    rng = np.random.default_rng(1)
    values = rng.random((2, 2 * BLOCK_ROWS + 7), np.float32)
    hidden: NDArray[np.bool_] = np.less(rng.random(values.shape[1]), 0.3)
    table = Table(2, values.shape[1])
    for start in (2, 0, 1):
        rows = slice(start * BLOCK_ROWS, min((start + 1) * BLOCK_ROWS, values.shape[1]))
        table.values[:, rows] = values[:, rows]
        table.finish(rows.start, rows.stop, hidden)
    for peaks, one in zip(table, values, strict=True):
        whole = peaks_of(one, hidden)
        assert np.array_equal(peaks.values, whole.values)
        assert np.array_equal(peaks.peaks, whole.peaks)
