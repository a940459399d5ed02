"""Groups are the components of all pairs of live images that score enough and weren't dismissed."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_app.errors import UsageError
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.alike import duplicates
from edge_app.search.alike.duplicates import Links, copies_kind, groups, link
from edge_app.search.vectors.peaks import Floats
from tests.columns import Columns

QUICK = settings(deadline=None, max_examples=60)


def clustered(seed: int, rows: int, clusters: int, dim: int = 12, noise: float = 0.08) -> Floats:
    """Unit rows about a few centres: some pairs near each other, some just not."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((clusters, dim))
    vectors = centres[rng.integers(0, clusters, rows)] + noise * rng.standard_normal((rows, dim))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return cast(Floats, (vectors / lengths).astype(np.float32))


def snapshot_of(columns: Columns) -> Snapshot:
    return cast(Snapshot, columns)


def found(
    columns: Columns,
    links: Links,
    min_score: float | None = None,
    dismissed: frozenset[tuple[int, int]] = frozenset(),
) -> set[frozenset[int]]:
    """The ids of each group."""
    return {
        frozenset(member.id for member in group.members)
        for group in groups(snapshot_of(columns), links, min_score, dismissed)
    }


def expected(
    columns: Columns, min_score: float, dismissed: frozenset[tuple[int, int]] = frozenset()
) -> set[frozenset[int]]:
    """By all scores at once, and a walk from image to image."""
    vectors = columns.vectors.astype(np.float64)
    near = (vectors @ vectors.T >= min_score) & columns.live & columns.live[:, None]
    twins = columns.twin.tolist()
    for one, other in dismissed:
        for a in np.flatnonzero(columns.twin == one):
            for b in np.flatnonzero(columns.twin == other):
                near[a, b] = near[b, a] = False
    unseen, components = set(range(len(twins))), set()
    while unseen:
        component, edge = set(), [unseen.pop()]
        while edge:
            row = edge.pop()
            component.add(row)
            reached = set(np.flatnonzero(near[row]).tolist()) & unseen
            unseen -= reached
            edge += reached
        if len(component) > 1:
            components.add(frozenset(columns.ids[list(component)].tolist()))
    return components


@st.composite
def libraries(draw: st.DrawFn) -> Columns:
    seed = draw(st.integers(0, 2**32 - 1))
    rows = draw(st.integers(0, 80))
    rng = np.random.default_rng(seed)
    vectors = clustered(seed, rows, draw(st.integers(1, 20)))
    twin = np.arange(rows, dtype=np.uint64)
    if rows and draw(st.booleans()):
        original = rng.integers(0, rows, rows // 4)
        copy = rng.integers(0, rows, rows // 4)
        vectors[copy], twin[copy] = vectors[original], twin[original]
    live = rng.random(rows) < draw(st.sampled_from([0.5, 0.9, 1]))
    return Columns(vectors, ids=rng.permutation(rows) + 1, live=live, twin=twin)


@pytest.fixture(params=["one block", "many small blocks", "by sketches"], autouse=True)
def _sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small libraries go the ways that only large ones go by default."""
    small: dict[str, float] = {"_BLOCK_ROWS": 7, "_SCORED_PAIRS": 4}
    sketched = {**small, "_SKETCHED_ROWS": 5, "_SAMPLE_ROWS": 5, "_SKETCH_DIM": 4, "_CROWDED": 0.1}
    chosen = {
        "one block": {},
        "many small blocks": small,
        "by sketches": sketched,
    }
    for name, value in chosen[request.param].items():
        monkeypatch.setattr(duplicates, name, value)


@QUICK
@given(columns=libraries(), min_score=st.sampled_from([0.8, 0.95, 0.99]))
def test_groups_are_complete(columns: Columns, min_score: float) -> None:
    links = link(snapshot_of(columns), min_score)
    assert found(columns, links) == expected(columns, min_score)


@QUICK
@given(columns=libraries(), known=st.floats(0, 1), seed=st.integers(0, 99))
def test_links_extended_by_new_rows_are_as_complete(
    columns: Columns, known: float, seed: int
) -> None:
    """Rows are added and others die between one comparison and the next."""
    rows = int(known * len(columns.vectors))
    before = Columns(
        columns.vectors[:rows], columns.ids[:rows], columns.live[:rows], twin=columns.twin[:rows]
    )
    links = link(snapshot_of(before), 0.95)
    columns.live &= np.random.default_rng(seed).random(len(columns.live)) < 0.9
    links = link(snapshot_of(columns), 0.95, links)
    assert found(columns, links) == expected(columns, 0.95)


@QUICK
@given(columns=libraries(), min_score=st.floats(0.9, 0.999))
def test_links_serve_for_any_higher_score(columns: Columns, min_score: float) -> None:
    links = link(snapshot_of(columns), 0.9)
    assert found(columns, links, min_score) == expected(columns, min_score)


@QUICK
@given(columns=libraries(), seed=st.integers(0, 99))
def test_dismissed_pairs_hold_nothing_together(columns: Columns, seed: int) -> None:
    twins = columns.twin
    drawn = np.random.default_rng(seed).permutation(len(twins) ** 2)[: 2 * len(twins)]
    pairs = ((twins[n // len(twins)], twins[n % len(twins)]) for n in drawn)
    dismissed = frozenset((int(min(pair)), int(max(pair))) for pair in pairs)
    links = link(snapshot_of(columns), 0.9)
    assert found(columns, links, None, dismissed) == expected(columns, 0.9, dismissed)


def test_links_are_no_more_than_hold_the_groups_together() -> None:
    columns = Columns(np.repeat(np.eye(3, dtype=np.float32), 50, axis=0))
    assert len(link(snapshot_of(columns), 0.95).pairs) == 3 * 49


def test_links_of_another_generation_or_score_are_not_used() -> None:
    columns = Columns(clustered(2, 30, 3))
    wrong = Links(columns.generation + 1, 0.95, 30, np.empty((0, 2), np.int64))
    assert found(columns, link(snapshot_of(columns), 0.95, wrong)) == expected(columns, 0.95)
    lower = link(snapshot_of(columns), 0.5)
    assert found(columns, link(snapshot_of(columns), 0.95, lower)) == expected(columns, 0.95)


def test_copies_are_told_from_look_alikes() -> None:
    one, two = clustered(3, 2, 2)
    close = clustered(3, 1, 1) * 0 + one + 0.001 * two
    columns = Columns(
        np.stack([two, one, one, (close / np.linalg.norm(close))[0], two, one]).astype(np.float32),
        ids=np.array([60, 50, 40, 30, 20, 10]),
        twin=np.array([7, 8, 8, 9, 7, 8], np.uint64),
    )
    mixed, copies = groups(snapshot_of(columns), link(snapshot_of(columns), 0.99))
    assert [(member.id, member.copy_of) for member in copies.members] == [(20, None), (60, 20)]
    assert copies_kind(copies.members) == "identical"
    assert [(member.id, member.copy_of) for member in mixed.members] == [
        (10, None),
        (30, None),
        (40, 10),
        (50, 10),
    ]
    assert copies_kind(mixed.members) == "same"
    assert [member.score for member in mixed.members] == pytest.approx([1, 1, 1, 1], abs=1e-3)


def test_a_min_score_of_1_finds_copies() -> None:
    columns = Columns(np.repeat(clustered(7, 20, 20), 2, axis=0))
    links = link(snapshot_of(columns), 1)
    assert found(columns, links, 1) == {frozenset({id, id + 1}) for id in range(1, 40, 2)}


def test_progress_is_told_and_may_stop_the_comparison() -> None:
    class StopError(Exception):
        pass

    def stop(fraction: float) -> None:
        raise StopError

    columns, told = Columns(clustered(4, 40, 4)), list[float]()
    link(snapshot_of(columns), 0.95, on_progress=told.append)
    assert told[-1] == 1
    assert told == sorted(told)
    with pytest.raises(StopError):
        link(snapshot_of(columns), 0.95, on_progress=stop)


@pytest.mark.parametrize("min_score", [0, -1, 1.1, float("nan")])
def test_a_min_score_that_makes_no_sense_is_refused(min_score: float) -> None:
    with pytest.raises(UsageError, match="min_score"):
        link(snapshot_of(Columns(clustered(5, 3, 1))), min_score)


def test_a_min_score_below_what_was_compared_is_refused() -> None:
    columns = Columns(clustered(6, 3, 1))
    with pytest.raises(UsageError, match=r"below the 0\.95"):
        groups(snapshot_of(columns), link(snapshot_of(columns), 0.95), 0.9)
