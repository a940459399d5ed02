"""Which photos are the same picture: identical files, and copies that were resized, recompressed or
recoloured; told apart from photos that are only alike.

Two photos are the same picture if their files are equal, or if their patterns are within 6 bits in
any turn, or if their patterns are within 16, their shapes alike and their score .99; and the camera
does not say that they were taken at different moments, as the photos of a burst are. Two PNG files
of one size that differ are two screenshots, since a PNG saved again has the same pixels. A group
holds what is the same picture as its first photo: no chain leads from it to something else. Photos
without a pattern (black frames) are in no group but that of equal files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_app.index.format.records import UNDATED
from edge_app.index.read.pictures import NO_MS, Pictures
from edge_app.index.read.snapshot import Snapshot
from edge_app.photos.pattern import FLAT
from edge_app.search.alike.forest import Dismissed, Forest, Rows
from edge_app.search.alike.patterns import WITHIN_BITS, distances, near_pairs
from edge_app.search.vectors.kernels import pair_scores

CLOSE_SCORE = 0.99  # of 435 pairs of pages of text 3 score that within CLOSE_BITS
EQUAL_SCORE = 0.9999  # of two files with the same pixels, except for rounding
CLOSE_BITS = 16  # smooth pictures, all slow waves, keep fewer of their bits when they are edited
LIKE_SHAPE = 0.03  # by which two ratios of width and height differ at most


def identical_files(snapshot: Snapshot, dismissed: Dismissed = frozenset()) -> list[Rows]:
    """The live rows of each content that several have, by id."""
    rows = _by_id(snapshot)
    twins = snapshot.twin[rows]
    order = np.argsort(twins, kind="stable")
    starts = np.flatnonzero(np.diff(twins[order])) + 1
    parts = np.split(rows[order], starts)
    apart = {one for one, other in dismissed if one == other}
    return [part for part in parts if len(part) > 1 and int(snapshot.twin[part[0]]) not in apart]


def same_pictures(
    snapshot: Snapshot,
    pictures: Pictures,
    close: list[Rows],
    dismissed: Dismissed = frozenset(),
) -> list[Rows]:
    """The live rows of each picture that several show, by id; identical files among them.

    `close` has the rows that scores of CLOSE_SCORE and more hold together.
    """
    rows = _by_id(snapshot)
    forest = Forest(snapshot.rows)
    for part in (*identical_files(snapshot, dismissed), *close):
        forest.join(np.stack([part[:-1], part[1:]], axis=1))
    for places in near_pairs(pictures.pattern[rows]):
        pairs = rows[places]
        forest.join(pairs[_one_shot(pictures, pairs[:, 0], pairs[:, 1])])
    involved = {twin for pair in dismissed for twin in pair}
    found: list[Rows] = []
    for component in forest.components():
        left = component[np.argsort(snapshot.ids[component])]
        dismissals = dismissed if involved & set(snapshot.twin[left].tolist()) else frozenset()
        while len(left) > 1:
            same = _with_first(snapshot, pictures, left, dismissals)
            if same.sum() > 1:
                found.append(left[same])
            left = left[~same]
    return found


def _with_first(
    snapshot: Snapshot, pictures: Pictures, rows: Rows, dismissed: Dismissed
) -> NDArray[np.bool_]:
    """Which of the rows are the same picture as the first, itself included."""
    first, twins = rows[0], snapshot.twin[rows]
    same: NDArray[np.bool_] = twins == twins[0]
    patterned = pictures.pattern[rows] != FLAT
    if patterned[0]:
        maybe = np.flatnonzero(~same & patterned & _one_shot(pictures, first, rows))
        others = rows[maybe]
        apart = distances(pictures.pattern[others], pictures.pattern[first])
        ratios, ratio = pictures.ratio[others], pictures.ratio[first]
        is_close = (apart <= CLOSE_BITS) & (np.abs(ratios - ratio) <= LIKE_SHAPE * ratio)
        is_close[is_close] = _scores(snapshot, first, others[is_close]) >= CLOSE_SCORE
        same[maybe] = (apart <= WITHIN_BITS) | is_close
        shots = np.flatnonzero(same & (twins != twins[0]) & _are_pngs(snapshot, pictures, rows))
        same[shots] = _scores(snapshot, first, rows[shots]) >= EQUAL_SCORE
    if dismissed:
        twin = int(twins[0])
        pairs = [(min(twin, other), max(twin, other)) for other in twins.tolist()]
        same &= np.array([pair not in dismissed for pair in pairs])
    same[0] = True
    return same


def _are_pngs(snapshot: Snapshot, pictures: Pictures, rows: Rows) -> NDArray[np.bool_]:
    """Which rows are PNG files of the same size as the first: a copy that was saved again has the
    very same pixels, so what differs is another screenshot."""
    formats = snapshot.format[rows]
    png = snapshot.formats.index("PNG") if "PNG" in snapshot.formats else -1
    widths, heights = pictures.width_px[rows], pictures.height_px[rows]
    both: NDArray[np.bool_] = (
        (formats == formats[0])
        & (formats[0] == png)
        & (widths == widths[0])
        & (heights == heights[0])
    )
    return both


def _scores(snapshot: Snapshot, one: np.int64, others: Rows) -> NDArray[np.float64]:
    """(n,) scores of one row with others."""
    return pair_scores(snapshot.vectors[others], snapshot.vectors[one])


def _one_shot(pictures: Pictures, one: Rows | np.int64, other: Rows) -> NDArray[np.bool_]:
    """Whether two photos may have been taken at the same moment, as far as their files say."""
    at, others_at = pictures.shot_at[one], pictures.shot_at[other]
    ms, others_ms = pictures.shot_ms[one], pictures.shot_ms[other]
    unknown = (at == UNDATED) | (others_at == UNDATED)
    same_ms = (ms == others_ms) | (ms == NO_MS) | (others_ms == NO_MS)
    may: NDArray[np.bool_] = unknown | ((at == others_at) & same_ms)
    return may


def _by_id(snapshot: Snapshot) -> Rows:
    """The live rows, the image that came into the index first first."""
    rows = np.flatnonzero(snapshot.live)
    order: Rows = rows[np.argsort(snapshot.ids[rows])]
    return order
