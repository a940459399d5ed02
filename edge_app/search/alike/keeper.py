"""Says which copy of each group to keep; originals are read for that where nothing else decides."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from PIL import Image

from edge_app.config import DRAIN_S, Limits
from edge_app.errors import EdgeAppError
from edge_app.index.format.records import ImageRecord
from edge_app.library.source import Source
from edge_app.photos.children import patches
from edge_app.photos.children.pool import DecodePool
from edge_app.search.alike.keep import Keep, Patches, choose

log = logging.getLogger(__name__)

WAIT_S = 1.0  # a request waits so long for what is being compared
KEPT = 10_000  # groups whose answer is remembered
AGAIN_S = 60.0  # after which an original that could not be read is tried again
_READ = 8  # photos whose patches are remembered: those of one group

Group = Sequence[ImageRecord]
Key = frozenset[tuple[int, bytes, bool]]


class Keeper:
    """Chooses the copy to keep, in a thread of its own. Safe to use from several threads."""

    def __init__(self, library: Source, limits: Limits) -> None:
        self._library = library
        self._pool = DecodePool(1, limits, 1, decoder=patches.__name__)
        self._state = threading.Condition()  # of the four below, held for moments
        self._kept: OrderedDict[Key, tuple[Keep, float]] = OrderedDict()
        self._wanted: OrderedDict[Key, Group] = OrderedDict()
        self._work: threading.Thread | None = None
        self._closed = False
        self._turn = threading.Lock()  # held by whoever compares
        self._read: OrderedDict[bytes, Patches] = OrderedDict()

    def close(self) -> None:
        """End what is being compared."""
        with self._state:
            self._closed = True
            self._wanted.clear()
            work = self._work
        if work:
            work.join(DRAIN_S)
        self._pool.close()

    def now(self, group: Group) -> Keep:
        """The copy to keep, however long it takes."""
        key = _key(group)
        with self._state:
            known = self._known(key)
        if known is None:
            with self._turn:
                known = choose(group, self._patches)
            self._remember(key, known)
        return known

    def soon(self, groups: Sequence[Group]) -> list[Keep | None]:
        """The copy to keep of each group; None where it is being found."""
        keys = [_key(group) for group in groups]
        with self._state:
            for key, group in zip(keys, groups, strict=True):
                if self._known(key) is None and not self._closed:
                    self._wanted.setdefault(key, group)
            if self._wanted and self._work is None:
                self._work = threading.Thread(target=self._choose_all, daemon=True)
                self._work.start()
            self._state.wait_for(lambda: not any(key in self._wanted for key in keys), WAIT_S)
            return [None if key in self._wanted else self._known(key) for key in keys]

    def _known(self, key: Key) -> Keep | None:
        """The answer of before; that an original could not be read counts for a while only."""
        keep, found_s = self._kept.get(key, (None, 0.0))
        if keep and keep.id is None and time.monotonic() - found_s > AGAIN_S:
            return None
        return keep

    def _choose_all(self) -> None:
        while True:
            with self._state:
                if not self._wanted:
                    self._work = None
                    return
                key, group = next(iter(self._wanted.items()))
            try:
                with self._turn:
                    keep = choose(group, self._patches)
            except Exception:  # this thread must not end by it
                log.exception("the copy to keep of %d could not be found", len(group))
                keep = Keep(None, "unknown")
            self._remember(key, keep)

    def _remember(self, key: Key, keep: Keep) -> None:
        with self._state:
            self._wanted.pop(key, None)
            self._kept[key] = keep, time.monotonic()
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            self._state.notify_all()

    def _patches(self, image: ImageRecord) -> Patches | None:
        known = self._read.get(image.content) or self._decoded(image)
        if known:
            self._read[image.content] = known
            if len(self._read) > _READ:
                self._read.popitem(last=False)
        return known

    def _decoded(self, image: ImageRecord) -> Patches | None:
        try:
            decoded = self._pool.decode(self._library.to_decode(image.path, image.size_bytes))
        except EdgeAppError as error:
            log.info("%s can't be compared: %s", image.path, error)
            return None
        size = patches.sides(decoded.width_px, decoded.height_px)
        step = size[0] * size[1]
        starts = range(0, len(decoded.views), step)
        greys = [Image.frombytes("L", size, decoded.views[n : n + step]) for n in starts]
        return Patches(decoded.width_px, decoded.height_px, tuple(greys))


def _key(group: Group) -> Key:
    return frozenset((image.id, image.content, image.offline) for image in group)
