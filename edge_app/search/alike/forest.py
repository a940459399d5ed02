"""Which rows are held together, and by which pairs: a union-find."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Pairs = NDArray[np.int64]  # (n, 2)
# Pairs of `Snapshot.twin`, smaller first, that are no duplicates to the user.
Dismissed = Set[tuple[int, int]]


class Forest:
    """Rows that pairs have joined; at most one path leads from one to another."""

    def __init__(self, rows: int) -> None:
        self._parent = np.arange(rows)
        self._pairs: list[tuple[int, int]] = []

    def join(self, pairs: Pairs) -> None:
        """Hold the two rows of each pair together."""
        for one, other in pairs.tolist():
            root, below = sorted((self._root(one), self._root(other)))
            if root != below:
                self._parent[below] = root
                self._pairs.append((one, other))

    def apart(self, pairs: Pairs) -> Pairs:
        """The pairs whose two rows are not held together yet."""
        roots = self._roots(pairs)
        separate: Pairs = pairs[roots[:, 0] != roots[:, 1]]
        return separate

    def pairs(self) -> Pairs:
        """The pairs that joined what was apart: one fewer than rows in each component."""
        return np.array(self._pairs, np.int64).reshape(-1, 2)

    def components(self) -> list[Rows]:
        """The rows of each component of two and more, rising."""
        roots = self._roots(np.arange(len(self._parent)))
        order = np.argsort(roots, kind="stable")
        starts = np.flatnonzero(np.diff(roots[order])) + 1
        return [part for part in np.split(order, starts) if len(part) > 1]

    def _root(self, row: int) -> int:
        parent = self._parent
        while (above := int(parent[row])) != row:
            parent[row] = parent[above]  # halves the path for the next to come
            row = above
        return row

    def _roots(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        above: NDArray[np.int64] = self._parent[rows]
        while not np.array_equal(above, rows):
            rows, above = above, self._parent[above]
        return above
