"""Duplicate groups at hand: found once in the background, brought up to date when images come, and
kept in the index folder so that a restart does not begin anew."""

from __future__ import annotations

import itertools
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge_app.config import Limits
from edge_app.errors import UsageError
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.dismissed import add_dismissed, read_dismissed
from edge_app.search.duplicates import Group, Links, groups, link

log = logging.getLogger(__name__)

FILE = "duplicates.npz"
SAMPLE_ROWS = 64  # vectors that tell whether links are of this very index


class Review:
    """The near-duplicates of one index. Safe to use from several threads."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits
        self._turn = threading.Lock()
        self._links: Links | None = None
        self._work: threading.Thread | None = None
        self._stop = threading.Event()
        self.progress = 0.0  # of the comparison under way

    def close(self) -> None:
        """End the comparison under way, or leave it behind if it takes longer than `drain_s`."""
        self._stop.set()
        if self._work:
            self._work.join(self._limits.drain_s)

    def groups(self, min_score: float) -> tuple[list[Group], bool]:
        """The groups as far as they are known, and whether a comparison is under way for more."""
        self._check(min_score)
        snapshot = self._reader.snapshot()
        with self._turn:
            known = self._known(snapshot)
            if not _cover(known, snapshot, min_score):
                if self._work is None or not self._work.is_alive():
                    arguments = (snapshot, min_score)
                    self._work = threading.Thread(target=self._compare, args=arguments, daemon=True)
                    self._work.start()
                self._work.join(self._limits.duplicate_wait_s)
                known = self._known(snapshot)
        pending = not _cover(known, snapshot, min_score)
        if known is None or known.min_score > min_score:
            return [], pending
        return groups(snapshot, known, min_score, self._dismissed()), pending

    def all_groups(
        self, min_score: float, on_progress: Callable[[float], object] = lambda fraction: None
    ) -> list[Group]:
        """The groups of the whole index, however long it takes."""
        self._check(min_score)
        snapshot = self._reader.snapshot()
        with self._turn:
            known = self._known(snapshot)
            if known is None or not _cover(known, snapshot, min_score):
                known = self._link(snapshot, min_score, on_progress)
        return groups(snapshot, known, min_score, self._dismissed())

    def dismiss(self, ids: list[int]) -> int:
        """Say that these images are no duplicates of one another; how many pairs are new."""
        most = self._limits.dismiss_images
        if not 2 <= len(ids) <= most:
            raise UsageError(f"{len(ids)} ids to dismiss are not between 2 and {most}")
        contents = sorted(self._reader.image(id).content for id in ids)
        return add_dismissed(self._reader.index, itertools.combinations(contents, 2))

    def _check(self, min_score: float) -> None:
        least = self._limits.duplicate_score_min
        if not least <= min_score <= 1:  # NaN fails too
            raise UsageError(f"min_score {min_score} is not between {least} and 1")

    def _dismissed(self) -> set[tuple[int, int]]:
        """Pairs of `Snapshot.twin`, smaller first."""
        pairs = read_dismissed(self._reader.index)
        return {tuple(sorted(map(_twin_of, pair))) for pair in pairs}  # type: ignore[misc]

    def _known(self, snapshot: Snapshot) -> Links | None:
        """The links at hand, if they are of this index and generation."""
        if self._links is None:
            self._links = _load(self._reader.index / FILE, snapshot)
        if self._links and self._links.generation != snapshot.generation:
            self._links = None
        return self._links

    def _compare(self, snapshot: Snapshot, min_score: float) -> None:
        def note(fraction: float) -> None:
            self.progress = fraction
            if self._stop.is_set():
                raise InterruptedError

        with suppress(InterruptedError):
            self._link(snapshot, min_score, note)

    def _link(
        self, snapshot: Snapshot, min_score: float, on_progress: Callable[[float], object]
    ) -> Links:
        # One lower bound for all usual requests, so that they share one comparison.
        least = min(min_score, self._limits.duplicate_score)
        links = link(snapshot, least, self._links, on_progress)
        self._links = links
        _save(self._reader.index / FILE, snapshot, links)
        return links


def _cover(links: Links | None, snapshot: Snapshot, min_score: float) -> bool:
    """Whether the links tell of all rows, and of pairs down to `min_score`."""
    return links is not None and links.rows >= snapshot.rows and links.min_score <= min_score


def _twin_of(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def _fingerprint(snapshot: Snapshot, rows: int) -> bytes:
    """Of the first `rows` rows: what is written in a generation never changes."""
    sample = np.unique(np.linspace(0, rows - 1, min(rows, SAMPLE_ROWS), dtype=np.intp))
    return blake2b(snapshot.read_rows(sample).tobytes()).digest()


def _save(path: Path, snapshot: Snapshot, links: Links) -> None:
    """Keep the links; where nothing can be written they are found again after a restart."""
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            np.savez(
                file,
                generation=links.generation,
                min_score=links.min_score,
                rows=links.rows,
                pairs=links.pairs,
                fingerprint=np.frombuffer(_fingerprint(snapshot, links.rows), np.uint8),
            )
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        log.info("%s can't be kept: %s", path, error)


def _load(path: Path, snapshot: Snapshot) -> Links | None:
    """The links kept there, None unless they are whole and of this index."""
    try:
        with np.load(path) as kept:
            links = Links(
                int(kept["generation"]), float(kept["min_score"]), int(kept["rows"]), kept["pairs"]
            )
            fingerprint = kept["fingerprint"].tobytes()
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None
    if links.rows > snapshot.rows or fingerprint != _fingerprint(snapshot, links.rows):
        return None
    return links
