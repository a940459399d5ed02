"""One number a row, with the largest of each few rows beside them: the high ones are found without
reading all the others again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]
Hidden = NDArray[np.bool_]  # (rows,) which are never an answer

BAR = 1e6  # taken off the value of a hidden row
FLOOR = -BAR / 2  # below any product of two codes of up to 10 million numbers, and any cosine

# A block of values is 32 lines of 128, and column by column its largest are the peaks: so many are
# NumPy's fastest maximum, 5 µs for 16,384 values, and a thirty-second of all is left to look at.
_LINES, _COLUMNS = 32, 128
BLOCK_ROWS = _LINES * _COLUMNS
_LINE_STARTS = np.arange(0, BLOCK_ROWS, _COLUMNS)


@dataclass(frozen=True, slots=True)
class Peaks:
    """The values of one query."""

    values: Floats  # (blocks * BLOCK_ROWS,) row by row; hidden rows, and those behind the last, low
    peaks: Floats  # (blocks * 128,) the largest of each column

    def hide(self, row: int) -> None:
        """Never find this row."""
        self.values[row] = -BAR
        block, column = row // BLOCK_ROWS, row % _COLUMNS
        lines = self.values[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS]
        self.peaks[block * _COLUMNS + column] = np.fmax.reduce(lines[column::_COLUMNS])

    def highest(self, count: int) -> Rows:
        """(<= count,) the rows with the largest values, in no order; no hidden ones."""
        least = FLOOR
        if count < len(self.peaks):
            # As many columns have a row of that value or more.
            least = float(np.partition(self.peaks, -count)[-count])
        rows = self.reaching(least)
        if len(rows) > count:
            rows = rows[np.argpartition(self.values[rows], -count)[-count:]]
        return rows

    def reaching(self, least: float) -> Rows:
        """All rows whose value is `least` or more, in no order; no hidden ones."""
        lowest = np.float32(max(least, FLOOR))
        places = np.flatnonzero(self.peaks >= lowest)
        tops = places + places // _COLUMNS * (BLOCK_ROWS - _COLUMNS)
        rows = tops[:, np.newaxis] + _LINE_STARTS
        found: Rows = rows[self.values[rows] >= lowest]
        return found


class Table:
    """The values of n queries while they are being computed, in any order and by any thread."""

    def __init__(self, queries: int, rows: int) -> None:
        blocks = -(-rows // BLOCK_ROWS)
        self.values: Floats = np.empty((queries, blocks * BLOCK_ROWS), np.float32)
        self.values[:, rows:] = -BAR
        self._peaks: Floats = np.empty((queries, blocks * _COLUMNS), np.float32)

    def finish(self, start: int, end: int, hidden: Hidden | None) -> None:
        """Hide rows and find the peaks, from row `start` to `end`: whole blocks, or all that is
        left. As long as the values are in the cache this takes a hundredth of their products."""
        if hidden is not None:
            values = self.values[:, start:end]
            np.subtract(values, hidden[start:end] * np.float32(BAR), out=values)
        first, last = start // BLOCK_ROWS, -(-end // BLOCK_ROWS)
        values = self.values[:, first * BLOCK_ROWS : last * BLOCK_ROWS]
        peaks = self._peaks[:, first * _COLUMNS : last * _COLUMNS]
        # fmax passes over NaN, which a damaged vector leaves, and `initial` over a column of them.
        np.fmax.reduce(
            values.reshape(len(values), -1, _LINES, _COLUMNS),
            axis=2,
            initial=-BAR,
            out=peaks.reshape(len(peaks), -1, _COLUMNS),
        )

    def __iter__(self) -> Iterator[Peaks]:
        """Each query's."""
        return map(Peaks, self.values, self._peaks)
