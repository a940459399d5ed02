"""Groups of near-duplicates over a whole index, without ever holding all pairs.

Two images are near-duplicates if they score `min_score`; a group is what such pairs hold together.
`link` compares every two rows and keeps no more pairs than connect each group; when images are
added, it compares only the new rows. `groups` takes out what died or was dismissed meanwhile.

To compare n rows takes n²/2 products of `dim` numbers. Sketches save most of it: a vector's
coordinates along the few directions that matter most in this index, and the length of what is
left. By Cauchy-Schwarz, the product of two sketches is at least the score:

    a · b = a' · b' + a" · b" <= a' · b' + |a"| |b"|

so pairs whose sketches stay below min_score are done with, and only the others are scored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edge_app.errors import UsageError
from edge_app.search.alike.forest import Dismissed, Forest, Pairs, Rows
from edge_app.search.vectors.kernels import pair_scores, rounding_bound
from edge_app.search.vectors.peaks import Floats

if TYPE_CHECKING:
    from edge_app.index.read.snapshot import Snapshot

_BLOCK_ROWS = 1024  # compared with as many others at a time; 2048 were half as fast, as the
# products of a block, 4 bytes each, are then larger than a cache
_SKETCH_DIM = 64  # of flower photos, 1 pair in 100,000 reaches 0.95 by its sketches and not in fact
_SAMPLE_ROWS = 512  # enough to find the main directions of an index
_SKETCHED_ROWS = 8192  # fewer are compared faster than sketched
_SCORED_PAIRS = 1024  # at a time, in float64: 20 MB for 1280 dimensions
_COPIES = 1 - 1e-6  # what equal vectors score at least: in float32 no length is exactly 1
_CROWDED = 1 / 1000  # of a block's pairs; scoring more one by one costs more than all in float32

Kind = Literal["identical", "same", "alike"]  # files, pictures (copies.py), or by their scores
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Links:
    """What holds the groups of one generation together: at most one path between any two rows."""

    generation: int
    min_score: float
    rows: int  # rows 0 to here have been compared with one another
    pairs: Pairs


@dataclass(frozen=True, slots=True)
class Member:
    """One image of a group."""

    id: int
    score: float  # with the group's first image
    copy_of: int | None  # the first image in the group with the very same content, if not itself


@dataclass(frozen=True, slots=True)
class Group:
    """Near-duplicates, the image that came into the index first first."""

    members: tuple[Member, ...]
    kind: Kind = "alike"


def link(
    snapshot: Snapshot,
    min_score: float,
    known: Links | None = None,
    on_progress: Callable[[float], object] = lambda fraction: None,
    compare: Compare | None = None,
) -> Links:
    """Compare every two live rows; those in `known` not again, if it's of this generation.

    `on_progress` is told the fraction done, and may raise to stop. `compare` compares in this
    process's place.
    """
    min_score = _checked(min_score)
    if known and (known.generation, known.min_score) != (snapshot.generation, min_score):
        known = None
    forest = Forest(len(snapshot.live))
    if known:
        forest.join(known.pairs)
    rows = np.flatnonzero(snapshot.live)
    first = int(np.searchsorted(rows, known.rows)) if known else 0
    for done in (compare or compare_here)(snapshot, rows, first, min_score, forest):
        on_progress(done)
    return Links(snapshot.generation, min_score, len(snapshot.live), forest.pairs())


def compare_here(
    snapshot: Snapshot, rows: Rows, first_new: int, min_score: float, forest: Forest
) -> Iterator[float]:
    """Join each of rows[first_new:] with all `rows` before it that it scores `min_score` with;
    yields the fraction done after every block."""
    yield from _compare(snapshot.vectors, rows, first_new, min_score, forest)


# Like `compare_here`, which it may stand for.
Compare = Callable[["Snapshot", Rows, int, float, Forest], Iterator[float]]


def groups(
    snapshot: Snapshot,
    links: Links,
    min_score: float | None = None,
    dismissed: Dismissed = frozenset(),
    hidden: NDArray[np.bool_] | None = None,
) -> list[Group]:
    """The groups of live images, largest first; see `components`."""
    parts = components(snapshot, links, min_score, dismissed, hidden)
    return group_all(snapshot, parts, lambda members: "alike")


def components(
    snapshot: Snapshot,
    links: Links,
    min_score: float | None = None,
    dismissed: Dismissed = frozenset(),
    hidden: NDArray[np.bool_] | None = None,
) -> list[Rows]:
    """The live rows of each group; `min_score` may be above that of `links`.

    `hidden` rows are in no group, and hold none together.
    """
    shown = snapshot.live if hidden is None else snapshot.live & ~hidden
    min_score = links.min_score if min_score is None else _checked(min_score)
    if min_score < links.min_score:
        raise UsageError(f"min_score {min_score} is below the {links.min_score} that was compared")
    forest = Forest(len(snapshot.live))
    forest.join(links.pairs)
    found = forest.components()
    if min_score > links.min_score:
        changed = set(range(len(found)))
    else:
        changed = _holding(found, snapshot, shown, dismissed)
    parts = [rows for number, rows in enumerate(found) if number not in changed]
    return parts + _split([found[n] for n in changed], snapshot, shown, min_score, dismissed)


def group_all(
    snapshot: Snapshot, parts: list[Rows], kind: Callable[[tuple[Member, ...]], Kind]
) -> list[Group]:
    """The groups of rows that belong together, largest first."""
    found = []
    for rows in parts:
        members = _members(snapshot, rows)
        found.append(Group(members, kind(members)))
    return sorted(found, key=lambda group: (-len(group.members), group.members[0].id))


def copies_kind(members: tuple[Member, ...]) -> Kind:
    """Of images that show the same picture: whether all are copies of one file."""
    identical = all(member.copy_of is not None for member in members[1:])
    return "identical" if identical else "same"


def _compare(
    vectors: Floats,
    rows: Rows,
    first_new: int,
    min_score: float,
    forest: Forest,
    wanted: Callable[[Pairs], NDArray[np.bool_]] = lambda pairs: np.ones(len(pairs), np.bool_),
) -> Iterator[float]:
    """Join each of rows[first_new:] with all `rows` before it that it scores min_score with, where
    the pair is `wanted`; yields the fraction done after every block."""
    sketches = _sketches(vectors, rows) if len(rows) > _SKETCHED_ROWS else None
    for start in range(first_new, len(rows), _BLOCK_ROWS):
        new = np.arange(start, min(start + _BLOCK_ROWS, len(rows)))
        for old_start in range(0, new[-1], _BLOCK_ROWS):
            old = np.arange(old_start, min(old_start + _BLOCK_ROWS, new[-1]))
            if sketches is None:
                near = _reaching(vectors[rows[new]], vectors[rows[old]], min_score)
            else:
                near = _reaching(sketches[new], sketches[old], min_score)
                if len(near) > _CROWDED * len(new) * len(old):
                    near = _reaching(vectors[rows[new]], vectors[rows[old]], min_score)
            near += (start, old_start)
            pairs = rows[near[near[:, 0] > near[:, 1]]]
            while len(pairs := forest.apart(pairs)):
                part, pairs = pairs[:_SCORED_PAIRS], pairs[_SCORED_PAIRS:]
                close = pair_scores(vectors[part[:, 0]], vectors[part[:, 1]]) >= min_score
                forest.join(part[close & wanted(part)])
        yield (new[-1] + 1 - first_new) / (len(rows) - first_new)


def _sketches(vectors: Floats, rows: Rows) -> Floats:
    """(n, _SKETCH_DIM + 1) float32: coordinates along the main directions of a sample of the rows,
    and the length of what is left."""
    sample = vectors[rows[:: len(rows) // _SAMPLE_ROWS]].astype(np.float64)
    _, _, directions = np.linalg.svd(sample, full_matrices=False)  # by falling weight
    main = directions[:_SKETCH_DIM].T
    sketches = np.empty((len(rows), main.shape[1] + 1), np.float32)
    for start in range(0, len(rows), _BLOCK_ROWS):
        part = slice(start, start + _BLOCK_ROWS)
        block = vectors[rows[part]].astype(np.float64)
        along = block @ main
        rest = (block**2).sum(axis=1) - (along**2).sum(axis=1)
        sketches[part, :-1] = along
        sketches[part, -1] = np.sqrt(np.maximum(rest, 0))
    return sketches


def _reaching(one: Floats, other: Floats, min_score: float) -> Pairs:
    """(n, dim), (m, dim) float32, lengths up to 1 -> the pairs of row numbers whose product is
    min_score or more, or would be without rounding."""
    least = np.float32(min_score - rounding_bound(one.shape[1]))
    places = np.flatnonzero(one @ other.T >= least)
    return np.stack(np.divmod(places, len(other)), axis=1)


def _holding(
    components: list[Rows],
    snapshot: Snapshot,
    shown: NDArray[np.bool_],
    dismissed: Dismissed,
) -> set[int]:
    """The numbers of the components with a row that is not shown or a dismissed pair's images."""
    by_twin = defaultdict(set)
    dead = set()
    for number, rows in enumerate(components):
        if not shown[rows].all():
            dead.add(number)
        for twin in snapshot.twin[rows].tolist():
            by_twin[twin].add(number)
    return dead.union(*(by_twin[one] & by_twin[other] for one, other in dismissed))


def _split(
    components: list[Rows],
    snapshot: Snapshot,
    shown: NDArray[np.bool_],
    min_score: float,
    dismissed: Dismissed,
) -> list[Rows]:
    """What is left of each component when its rows that are shown are compared again."""

    def wanted(pairs: Pairs) -> NDArray[np.bool_]:
        keys = np.sort(snapshot.twin[pairs], axis=1).tolist()
        return np.array([tuple(key) not in dismissed for key in keys], np.bool_)

    forest = Forest(len(snapshot.live))
    for rows in components:
        left = rows[shown[rows]]
        for _ in _compare(snapshot.vectors, left, 0, min_score, forest, wanted):
            pass
    return forest.components()


def _members(snapshot: Snapshot, rows: Rows) -> tuple[Member, ...]:
    rows = rows[np.argsort(snapshot.ids[rows])]
    ids = snapshot.ids[rows].tolist()
    scores = pair_scores(snapshot.vectors[rows], snapshot.vectors[rows[0]]).tolist()
    originals: dict[int, int] = {}
    members = []
    for id, score, twin in zip(ids, scores, snapshot.twin[rows].tolist(), strict=True):
        members.append(Member(id, score, originals.get(twin)))
        originals.setdefault(twin, id)
    return tuple(members)


def _checked(min_score: float) -> float:
    if not 0 < min_score <= 1:  # NaN fails too
        raise UsageError(f"min_score {min_score} is not above 0 and at most 1")
    return min(min_score, _COPIES)
