"""The passes over float32 vectors that searches and comparisons are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_app.config import MiB
from edge_app.search.vectors.peaks import Floats

# BLAS copies a matrix before it multiplies it by another, which pays from a dozen queries on. Fewer
# take turns at blocks of rows that stay in the cache: 8 queries take 69 ms so,
# 91 in one product, 170 one by one (100,000 × 1280, 2 cores).
_FEW = 12

_BLOCK_BYTES = 4 * MiB
_FOLDED_ROWS = 256  # at a time: 10,000 × 1280 among as many took 10 s of a core one by one, now 2


def rounding_bound(dim: int) -> float:
    """By how much a cosine in float32 may be off.

    A sum of dim products is off by at most dim * 2**-24 in whatever order it is taken (Higham,
    Accuracy and Stability of Numerical Algorithms, 3.1); lengths and later roundings by a bit.
    """
    return (dim + 16) * 2.0**-24


def cosines(queries: Floats, vectors: Floats, out: Floats | None = None) -> Floats:
    """(n, dim), (rows, dim) unit rows -> (n, rows) float32: cosines."""
    vectors = np.asarray(vectors)  # off the memmap class, whose results are memmaps again
    products = np.empty((len(queries), len(vectors)), np.float32) if out is None else out
    done = _few_products(queries, vectors, products) if 1 < len(queries) <= _FEW else 0
    np.matmul(queries, vectors[done:].T, out=products[:, done:])
    return products


def _few_products(queries: Floats, vectors: Floats, products: Floats) -> int:
    """Fill the first columns of (n, rows) `products`, for whole blocks of rows; how many columns.

    One call of matmul: in a loop of Python's, other threads would take turns at the interpreter.
    """
    count, (rows, dim) = len(queries), vectors.shape
    step: int = max(1, _BLOCK_BYTES // (4 * dim))
    blocks: int = rows // step
    done = blocks * step
    # In this order each block meets all queries before the next one is read.
    found = np.empty((blocks, count, step, 1), np.float32)
    np.matmul(vectors[:done].reshape(blocks, 1, step, dim), queries[:, :, np.newaxis], out=found)
    products[:, :done] = found[..., 0].transpose(1, 0, 2).reshape(count, done)
    return done


def pair_scores(one: Floats, other: Floats) -> NDArray[np.float64]:
    """(n, dim), (n, dim) or (dim,) float32 -> (n,) scores in float64."""
    products = one.astype(np.float64) * other
    scores: NDArray[np.float64] = products.sum(axis=1)
    return scores


def fold_groups(vectors: Floats, groups_max: int, threshold: float) -> list[list[int]]:
    """(n, dim) float32 unit rows, best first -> groups of row numbers, each led by its best."""
    groups: list[list[int]] = []
    leaders = np.empty((min(groups_max, len(vectors)), vectors.shape[1]), np.float32)
    for start in range(0, len(vectors), _FOLDED_ROWS):
        block = vectors[start : start + _FOLDED_ROWS]
        known = len(groups)
        close = np.ones((len(block), known + 1), bool)  # the last column: to no leader
        np.greater_equal(block @ leaders[:known].T, threshold, out=close[:, :known])
        for number, (vector, first) in enumerate(zip(block, close.argmax(axis=1), strict=True)):
            if first == known:  # then perhaps to one of this block
                fresh = np.flatnonzero(leaders[known : len(groups)] @ vector >= threshold)
                first = known + fresh[0] if len(fresh) else len(groups)
            if first < len(groups):
                groups[first].append(start + number)
                continue
            leaders[len(groups)] = vector
            groups.append([start + number])
            if len(groups) == groups_max:
                return groups
    return groups
