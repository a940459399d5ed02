"""How good rankings are, each figure with the interval that other queries would give."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

RESAMPLES = 2000
INTERVAL_PERCENT = 95


class Estimate(NamedTuple):
    """A mean over queries, and half the width of its interval."""

    mean: float
    margin: float

    def __str__(self) -> str:
        return f"{short(self.mean)} ±{short(self.margin)}"


def estimate(values: Floats) -> Estimate:
    """From (n,) one value a query; the interval by bootstrap, the same every time."""
    random = np.random.default_rng(0)
    samples = random.integers(0, len(values), (RESAMPLES, len(values)))
    outside = (100 - INTERVAL_PERCENT) / 2
    low, high = np.percentile(values[samples].mean(axis=1), [outside, 100 - outside])
    return Estimate(float(values.mean()), float(high - low) / 2)


class Ranked(NamedTuple):
    """Of each query, (n,): how much of the first one and ten has its label, how early all are."""

    p_at_1: Floats
    p_at_10: Floats
    average_precision: Floats


def leave_one_out(vectors: Floats, labels: npt.NDArray[np.str_]) -> Ranked:
    """Each of (n, dim) unit rows as a query against all others; (n,) labels say what is alike."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    ranking = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    same = labels[ranking] == labels[:, np.newaxis]
    return Ranked(same[:, 0].astype(float), same[:, :10].mean(axis=1), average_precision(same))


def average_precision(relevant: npt.NDArray[np.bool_]) -> Floats:
    """(n,) of n rankings, (n, places): which places, the best first, hold what is looked for."""
    precisions = relevant.cumsum(axis=1) / np.arange(1, relevant.shape[1] + 1)
    average: Floats = (precisions * relevant).sum(axis=1) / relevant.sum(axis=1)
    return average


def originals_found(edited: Floats, vectors: Floats, k: int) -> Floats:
    """(n,) 1.0 where row i of `edited` has row i of `vectors` among its k nearest, else 0.0."""
    scores = edited @ vectors.T
    own = np.diagonal(scores)[:, np.newaxis]
    found: Floats = ((scores > own).sum(axis=1) < k).astype(float)
    return found


def short(figure: float) -> str:
    """.123, −.123 and 1.000."""
    return re.sub(r"(?<!\d)0\.", ".", f"{figure:z.3f}").replace("-", "−")
