"""How a score between a text and a photo reads: bands of their own, since these scores are lower.

As between photos, bands are where few random pairs come: here pairs of the captions that came with
the text tower and of photos of this index. No photo is "almost the same" as a text.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import replace

from edge_app.index.read.snapshot import Snapshot
from edge_app.model.text import TextTower
from edge_app.search.scale import Scale, levels_of, sample_rows, scale_of


class TextScale:
    """The scale of an index and a text tower, made when it is first asked for. Safe to use from
    several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: weakref.ref[Snapshot] | None = None
        self._scale: Scale | None = None

    def of(self, snapshot: Snapshot, tower: TextTower) -> Scale | None:
        """The scale of scores of texts with photos of this snapshot; None of a tower without
        captions."""
        with self._lock:
            if self._seen is None or self._seen() is not snapshot:
                self._scale = _measured(snapshot, tower)
                self._seen = weakref.ref(snapshot)
            return self._scale


def _measured(snapshot: Snapshot, tower: TextTower) -> Scale | None:
    captions = tower.captions()
    if captions is None:
        return None
    photos = snapshot.read_rows(sample_rows(snapshot))
    return replace(scale_of(levels_of((photos @ captions.T).ravel())), almost_same=None)
