"""How a score reads to a person: bands, from how alike random pairs of this very index are.

Another model's scores have another range, and so do other photos'. So random pairs of the index are
scored, and bands are where few of these come: "similar" is what one pair in 100 reaches, "very
similar" one in 10,000, and "almost the same" is half the way from there to 1. How often the photos
of a band show the same kind of thing is in docs/search.md.
"""

from __future__ import annotations

import logging
import threading
import weakref
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_app.errors import StoreError
from edge_app.index.format.scalefile import KeptScale, Levels, load_scale, save_scale
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors.peaks import Floats

log = logging.getLogger(__name__)

Band = Literal["almost_same", "very_similar", "similar", "less_similar"]

SAMPLE_ROWS = 1024  # 524,000 pairs, of which 52 reach what one in 10,000 does
COPIES_SCORE = 0.95  # rows that score this with another tell nothing of how alike photos are
GROWN = 1 / 8  # an index that has grown by less keeps its scale


@dataclass(frozen=True, slots=True)
class Scale:
    """Scores that few random pairs of the index reach; None where its pairs are too few to tell.

    It is of scores between photos, or of one text with photos (textscale).
    """

    pairs: int  # that were scored
    half: float | None = None  # one pair in 2 reaches it
    similar: float | None = None  # one in 100
    very_similar: float | None = None  # one in 10,000
    almost_same: float | None = None  # half the way from there to 1

    def band(self, score: float) -> Band | None:
        """The band of a score; None where nothing is known."""
        if self.similar is None:
            return None
        if self.almost_same is not None and score >= self.almost_same:
            return "almost_same"
        if self.very_similar is not None and score >= self.very_similar:
            return "very_similar"
        return "similar" if score >= self.similar else "less_similar"

    def stretched(self, length: float) -> Scale:
        """The scale for a query that is the mean of photos, scaled to length 1 from `length`: its
        scores are the mean of the photos' scores, divided by this length."""

        def over(score: float | None) -> float | None:
            return None if score is None else round(score / length, 4)

        half, similar, very_similar = map(over, (self.half, self.similar, self.very_similar))
        return Scale(self.pairs, half, similar, very_similar, over(self.almost_same))


class Scales:
    """The scale of an index, made when it is first asked for. Safe to use from several threads.

    It is kept in the index folder, and made again with another generation or a larger index.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._seen: weakref.ref[Snapshot] | None = None
        self._kept: KeptScale | None = None

    def of(self, snapshot: Snapshot) -> Scale:
        """The scale of scores between photos of this snapshot."""
        with self._lock:
            if self._seen is None or self._seen() is not snapshot:
                if not _is_of(self._kept, snapshot):
                    self._kept = self._load()
                if not _is_of(self._kept, snapshot):
                    self._kept = _measured(snapshot)
                    self._save(self._kept)
                self._seen = weakref.ref(snapshot)
            assert self._kept is not None
            return scale_of(self._kept.levels)

    def _load(self) -> KeptScale | None:
        try:
            return load_scale(self._reader.index)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, StoreError) as error:
            log.info("the scale of scores is made again: %s", error)
            return None

    def _save(self, kept: KeptScale) -> None:
        try:
            save_scale(self._reader.index, kept)
        except (OSError, StoreError) as error:  # made again after a restart
            log.info("the scale of scores can't be saved: %s", error)


def _is_of(kept: KeptScale | None, snapshot: Snapshot) -> bool:
    """Whether it is of these very rows, or of nearly all of them."""
    if kept is None or kept.generation != snapshot.generation or kept.rows > snapshot.rows:
        return False
    live = int(snapshot.live.sum())
    known = kept.levels.one_in_10_000 is not None
    near = abs(live - kept.live) < GROWN * kept.live if known else live == kept.live
    return near and kept.fingerprint == snapshot.fingerprint(kept.rows).hex()


def _measured(snapshot: Snapshot) -> KeptScale:
    rows = sample_rows(snapshot)
    return KeptScale(
        generation=snapshot.generation,
        rows=snapshot.rows,
        live=int(snapshot.live.sum()),
        fingerprint=snapshot.fingerprint(snapshot.rows).hex(),
        levels=levels(snapshot.read_rows(rows), snapshot.twin[rows]),
    )


def sample_rows(snapshot: Snapshot) -> NDArray[np.intp]:
    """A random sample of live rows, in order: 5 MB to read with 1280 dimensions."""
    rows = np.flatnonzero(snapshot.live)
    if len(rows) > SAMPLE_ROWS:
        random = np.random.default_rng(snapshot.generation)
        rows = np.sort(random.choice(rows, SAMPLE_ROWS, replace=False))
    return rows


def levels(vectors: Floats, twins: NDArray[np.uint64]) -> Levels:
    """What pairs of (n, dim) float32 unit rows score; (n,) equal twins are copies of one file."""
    scores = vectors @ vectors.T
    upper = np.triu(np.ones_like(scores, np.bool_), 1)
    copies = upper & ((scores >= COPIES_SCORE) | (twins[:, np.newaxis] == twins))
    different = ~copies.any(axis=0)
    return levels_of(scores[upper & different & different[:, np.newaxis]])


def levels_of(found: Floats) -> Levels:
    """(n,) scores of random pairs, as far as there are enough to tell."""

    def one_in(count: int) -> float | None:
        if len(found) < count:
            return None
        place = len(found) - len(found) // count
        return round(float(np.partition(found, place)[place]), 4)

    return Levels(len(found), one_in(2), one_in(100), one_in(10_000))


def scale_of(levels: Levels) -> Scale:
    """The bands that follow from what random pairs score."""
    top = levels.one_in_10_000
    almost_same = None if top is None else round((1 + top) / 2, 4)
    return Scale(levels.pairs, levels.half, levels.one_in_100, top, almost_same)
