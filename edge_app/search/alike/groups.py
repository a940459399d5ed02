"""Duplicate groups, ready to show: found once in the background, updated when images come, and
kept in the index folder so that a restart does not begin again."""

from __future__ import annotations

import itertools
import logging
import math
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from edge_app.config import DRAIN_S
from edge_app.errors import StoreError, UsageError
from edge_app.index.format.linkfile import KeptLinks, load_links, save_links
from edge_app.index.format.records import twin_of
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.index.write.dismissed import add_dismissed, read_dismissed, undo_dismissed
from edge_app.search.alike.duplicates import Compare, Links, link
from edge_app.search.alike.forest import Dismissed
from edge_app.search.alike.kinds import NOTHING, Found, find_all

log = logging.getLogger(__name__)

DUPLICATE_SCORE = 0.9  # images this close to one another are alike; of 600 flowers no two are
DUPLICATE_SCORE_MIN = 0.8  # below this whole albums would be one group
WAIT_S = 2.0  # a request waits so long for groups, then asks again
DISMISS_IMAGES = 100  # of one group, dismissed at once

# Every other score would be a comparison of its own, for as many as a client can think of. Rows are
# compared at one of the coarse scores, groups are made of that at one of the fine ones.
COARSE, FINE = 20, 1000  # steps from 0 to 1
ANSWERS = 8  # of different scores that are kept


@dataclass(frozen=True, slots=True)
class _Answer:
    snapshot: weakref.ref[Snapshot]
    dismissed: Dismissed
    found: Found


class Review:
    """The near-duplicates of one index. Safe to use from several threads.

    One thread compares, for one score after another; requests get what it has found so far.
    """

    def __init__(self, reader: Reader, compare: Compare | None = None) -> None:
        """`compare` compares in this process's place, such as `cluster.searching` does."""
        self._reader = reader
        self._compare_rows = compare
        self._turn = threading.Lock()  # held by whoever compares, never by a request
        self._links: Links | None = None
        self._state = threading.Condition()  # of the five below, held for moments
        self._answers: dict[float, _Answer] = {}  # the one used last is last
        self._wanted: dict[float, None] = {}  # scores in the order they were asked for
        self._waiting = False  # a request waits for the comparison: no other one may
        self._failure: StoreError | None = None  # why the last comparison found nothing
        self._work: threading.Thread | None = None
        self._stop = threading.Event()
        self.progress = 0.0  # of the comparison under way

    def close(self) -> None:
        """End the comparison under way, or leave it behind if it takes longer than `DRAIN_S`."""
        self._stop.set()
        if self._work:
            self._work.join(DRAIN_S)

    def groups(self, min_score: float) -> tuple[Found, bool]:
        """The groups as they were found last, and whether a comparison is under way for more.

        `min_score` is of those that are alike, and rounded down as `fine` does.
        """
        self._check(min_score)
        score = fine(min_score)
        snapshot, dismissed = self._reader.snapshot(), self._dismissed()

        def answer() -> tuple[Found, bool]:
            known = self._answers.get(score)
            if known is None:
                return NOTHING, True
            self._answers[score] = self._answers.pop(score)
            return known.found, not (known.snapshot() is snapshot and known.dismissed == dismissed)

        with self._state:
            found, pending = answer()
            if not pending:
                return found, False
            self._wanted.setdefault(score)
            if self._work is None:
                self._work = threading.Thread(target=self._compare, daemon=True)
                self._work.start()
            if self._waiting:
                return found, True
            self._waiting = True
            try:
                self._state.wait_for(lambda: score not in self._wanted, WAIT_S)  # found, or failed
            finally:
                self._waiting = False
            if self._failure:
                raise self._failure
            return answer()

    def all_groups(
        self, min_score: float, on_progress: Callable[[float], object] = lambda fraction: None
    ) -> Found:
        """The groups of the whole index, however long it takes."""
        self._check(min_score)
        snapshot = self._reader.snapshot()
        return self._find(snapshot, min_score, self._dismissed(), on_progress)

    def dismiss(self, ids: list[int]) -> int:
        """Say that these images are no duplicates of one another; how many pairs are new."""
        return add_dismissed(self._reader.index, self._pairs(ids))

    def restore(self, ids: list[int]) -> int:
        """Take back that these images are no duplicates; how many pairs had been dismissed."""
        return undo_dismissed(self._reader.index, self._pairs(ids))

    def _pairs(self, ids: list[int]) -> itertools.combinations[tuple[bytes, bytes]]:
        most = DISMISS_IMAGES
        if not 2 <= len(ids) <= most:
            raise UsageError(f"{len(ids)} ids given; one request takes 2 to {most}")
        contents = sorted(self._reader.image(id).content for id in ids)
        return itertools.combinations(contents, 2)

    def _check(self, min_score: float) -> None:
        least = DUPLICATE_SCORE_MIN
        if not least <= min_score <= 1:  # NaN fails too
            raise UsageError(f"min_score {min_score} is not between {least} and 1")

    def _dismissed(self) -> Dismissed:
        pairs = read_dismissed(self._reader.index)
        return frozenset(tuple(sorted(map(twin_of, pair))) for pair in pairs)  # type: ignore[misc]

    def _compare(self) -> None:
        """Find groups for each score that is wanted, then end."""

        def note(fraction: float) -> None:
            self.progress = float(fraction)  # NumPy's own can't be put into an answer
            if self._stop.is_set():
                raise InterruptedError

        while True:
            with self._state:
                if not self._wanted or self._stop.is_set():
                    self._work = None
                    return
                score = next(iter(self._wanted))
            self.progress = 0.0
            found = failure = None
            try:
                snapshot, dismissed = self._reader.snapshot(), self._dismissed()
                everything = self._find(snapshot, score, dismissed, note)
                found = _Answer(weakref.ref(snapshot), dismissed, everything)
            except InterruptedError:
                log.debug("comparing was stopped")
            except StoreError as error:
                failure = error
            except Exception:  # the next request tries again; this thread must not end by it
                log.exception("near-duplicates of score %s could not be found", score)
            with self._state:
                del self._wanted[score]
                self._failure = failure
                if found is not None:
                    self._answers.pop(score, None)
                    self._answers[score] = found
                    if len(self._answers) > ANSWERS:
                        del self._answers[next(iter(self._answers))]
                self._state.notify_all()

    def _find(
        self,
        snapshot: Snapshot,
        min_score: float,
        dismissed: Dismissed,
        on_progress: Callable[[float], object],
    ) -> Found:
        with self._turn:
            known = self._known(snapshot)
            if known is None or not _cover(known, snapshot, min_score):
                known = self._link(snapshot, min_score, on_progress)
            return find_all(self._reader, snapshot, known, min_score, dismissed)

    def _known(self, snapshot: Snapshot) -> Links | None:
        """The known links, if they are of this index and generation."""
        if self._links is None:
            self._links = self._kept(snapshot)
        if self._links and self._links.generation != snapshot.generation:
            self._links = None
        return self._links

    def _kept(self, snapshot: Snapshot) -> Links | None:
        """The links in the index folder, None unless they are whole and of this index."""
        try:
            kept = load_links(self._reader.index)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, StoreError) as error:
            log.info("near-duplicates are compared again: %s", error)
            return None
        if kept.rows > snapshot.rows or kept.fingerprint != snapshot.fingerprint(kept.rows):
            return None
        return Links(kept.generation, kept.min_score, kept.rows, kept.pairs)

    def _link(
        self, snapshot: Snapshot, min_score: float, on_progress: Callable[[float], object]
    ) -> Links:
        # One lower bound for all usual requests, so that they share one comparison.
        least = min(_rounded_down(min_score, COARSE), DUPLICATE_SCORE)
        links = link(snapshot, least, self._links, on_progress, self._compare_rows)
        self._links = links
        fingerprint = snapshot.fingerprint(links.rows)
        kept = KeptLinks(links.generation, links.min_score, links.rows, links.pairs, fingerprint)
        try:
            save_links(self._reader.index, kept)
        except (OSError, StoreError) as error:  # found again after a restart
            log.info("near-duplicates can't be saved: %s", error)
        return links


def fine(min_score: float) -> float:
    """The score, 1/1000 or less below, that groups are made for."""
    return _rounded_down(min_score, FINE)


def _rounded_down(score: float, steps: int) -> float:
    return math.floor(score * steps) / steps


def _cover(links: Links | None, snapshot: Snapshot, min_score: float) -> bool:
    """Whether the links tell of all rows, and of pairs down to `min_score`."""
    return links is not None and links.rows >= snapshot.rows and links.min_score <= min_score
