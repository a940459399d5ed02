"""The k best matches are those of a float64 brute force: always, with NumKong and
without, under any filter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_app.errors import StoreError, UsageError
from edge_app.index.read.filters import Filter
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors import bounds, exact, products
from edge_app.search.vectors.exact import K_MAX, RANKING_MAX, Match, combine, similar, similar_many
from edge_app.search.vectors.peaks import Floats
from tests.columns import Columns

QUICK = settings(deadline=None, max_examples=60)


@pytest.fixture(params=["codes, NumKong", "codes, NumPy", "vectors"], autouse=True, scope="module")
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Everything here holds for many images, for few, and without the kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "reads_codes", lambda snapshot: request.param != "vectors")
        if request.param == "codes, NumPy":
            patch.setattr(products, "numkong", None)
        elif products.instructions() is None:
            pytest.skip("NumKong is not installed, or has nothing for this processor")
        yield request.param


def units(vectors: Any) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return cast(Floats, (vectors / lengths).astype(np.float32))


def random_units(seed: int, *shape: int) -> Floats:
    """Not centred on zero, as no embedding of a ReLU network is."""
    return units(np.random.default_rng(seed).standard_normal(shape) + 0.5)


def halves(seed: int, rows: int) -> Floats:
    """(rows, 8): four of eight coordinates are ±1/2, so that scores are exact, and ties many."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-0.5, 0.5], (rows, 8))
    return cast(Floats, rng.permuted(signs * ([1] * 4 + [0] * 4), axis=1).astype(np.float32))


def snapshot_of(columns: Columns) -> Snapshot:
    return cast(Snapshot, columns)


def score(vector: Floats, query: Floats) -> float:
    """Correctly rounded: float32 products are exact in float64, and fsum loses nothing."""
    products = vector.astype(np.float64) * query.astype(np.float64)
    return math.fsum(products.tolist())


def brute_force(columns: Columns, query: Floats, allowed: Any = None) -> list[tuple[int, float]]:
    """Every (id, score) an unlimited search must find, in order."""
    rows = np.flatnonzero(columns.live if allowed is None else columns.live & allowed)
    found = [
        (
            int(columns.ids[row]),
            1.0
            if np.array_equal(columns.vectors[row], query)
            else score(columns.vectors[row], query),
        )
        for row in rows
    ]
    return sorted(found, key=lambda match: (-match[1], match[0]))


def assert_same(matches: list[Match], expected: list[tuple[int, float]]) -> None:
    assert [match.id for match in matches] == [id for id, _ in expected]
    assert [match.score for match in matches] == pytest.approx([s for _, s in expected], abs=1e-12)


@st.composite
def libraries(draw: st.DrawFn) -> tuple[Columns, Floats]:
    """Small libraries, some of whose rows are dead, repeated or tied, with a few queries."""
    seed = draw(st.integers(0, 2**32 - 1))
    rows = draw(st.integers(0, 90))
    if draw(st.booleans()):
        vectors, queries = halves(seed, rows), halves(seed + 1, 3)
    else:
        dim = draw(st.sampled_from([1, 2, 3, 8, 24, 100]))
        vectors, queries = random_units(seed, rows, dim), random_units(seed + 1, 3, dim)
    rng = np.random.default_rng(seed)
    if rows and draw(st.booleans()):
        vectors = vectors[rng.integers(0, max(1, rows // 3), rows)]
    if rows and draw(st.booleans()):
        queries[0] = vectors[0]
    live = rng.random(rows) < draw(st.sampled_from([0, 0.5, 1]))
    ids = rng.permutation(10 * rows)[:rows] + 1
    return Columns(vectors, ids=ids, live=live), queries


@QUICK
@given(library=libraries(), k=st.integers(1, 100), offset=st.integers(0, 20))
def test_matches_are_those_of_a_brute_force(
    library: tuple[Columns, Floats], k: int, offset: int
) -> None:
    columns, queries = library
    for query in queries:
        matches = similar(snapshot_of(columns), query, k, offset=offset)
        assert_same(matches, brute_force(columns, query)[offset : offset + k])


@pytest.mark.parametrize("k", [1, 7, 1000])
@pytest.mark.parametrize("extra", ["none", "one", "one fewer than k", "k", "one more than k"])
def test_any_number_of_rows_about_k_is_ranked_whole(extra: str, k: int) -> None:
    rows = {"none": 0, "one": 1, "one fewer than k": k - 1, "k": k}.get(extra, k + 1)
    columns = Columns(random_units(1, rows, 16))
    (query,) = random_units(2, 1, 16)
    assert_same(similar(snapshot_of(columns), query, k), brute_force(columns, query)[:k])


def test_an_index_of_thousands_is_ranked_as_exactly() -> None:
    rng = np.random.default_rng(3)
    columns = Columns(random_units(3, 10_000, 16), live=rng.random(10_000) < 0.8)
    columns.vectors[8_000:8_040] = columns.vectors[5]
    columns.vectors[100:110] = columns.vectors[5]
    columns = Columns(columns.vectors, live=columns.live)
    for query in (columns.vectors[5], *random_units(4, 2, 16)):
        expected = brute_force(columns, query)
        for k in (1, 20, 50):
            assert_same(similar(snapshot_of(columns), query, k), expected[:k])


@QUICK
@given(library=libraries(), k=st.integers(1, 40))
def test_many_queries_at_once_answer_like_each_alone(
    library: tuple[Columns, Floats], k: int
) -> None:
    columns, queries = library
    exclude = [columns.ids[:2].tolist(), [], columns.ids[-1:].tolist()]
    alone = [
        similar(snapshot_of(columns), query, k, exclude=ids)
        for query, ids in zip(queries, exclude, strict=True)
    ]
    assert similar_many(snapshot_of(columns), queries, k, exclude=exclude) == alone


def test_more_queries_than_one_pass_takes_are_answered_in_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns, queries = Columns(random_units(5, 200, 8)), random_units(6, 10, 8)
    at_once = similar_many(snapshot_of(columns), queries, 5)
    monkeypatch.setattr("edge_app.search.vectors.ranking._PASS_BYTES", 3 * 200 * 4)
    assert similar_many(snapshot_of(columns), queries, 5) == at_once


def test_a_filter_that_keeps_one_in_a_hundred_still_gives_k() -> None:
    rng = np.random.default_rng(7)
    columns = Columns(
        random_units(7, 5000, 16),
        live=rng.random(5000) < 0.9,
        folder=rng.integers(0, 4, 5000).astype(np.int32),
        folders=("", "2019", "2019/may", "20190"),
        taken_at=rng.integers(1000, 2000, 5000),
        orientation=rng.integers(0, 3, 5000).astype(np.uint8),
        format=rng.integers(0, 2, 5000).astype(np.uint8),
        formats=("JPEG", "PNG"),
    )
    wanted = Filter("2019", 1500, 1599, frozenset({"PNG"}), "portrait")
    allowed = (
        np.isin(columns.folder, [1, 2])
        & (columns.taken_at >= 1500)
        & (columns.taken_at <= 1599)
        & (columns.format == 1)
        & (columns.orientation == 1)
    )
    assert 20 < (allowed & columns.live).sum() < 60
    (query,) = random_units(8, 1, 16)
    matches = similar(snapshot_of(columns), query, 20, filter=wanted)
    assert_same(matches, brute_force(columns, query, allowed)[:20])


@pytest.mark.parametrize(
    ("folder", "found"),
    [("", 4), ("a", 2), ("a/", 2), ("a/b", 1), ("ab", 1), ("b", 0), ("A", 0)],
)
def test_a_folder_holds_what_is_below_it(folder: str, found: int) -> None:
    columns = Columns(
        random_units(9, 4, 4),
        folder=np.arange(4, dtype=np.int32),
        folders=("", "a", "a/b", "ab"),
    )
    matches = similar(snapshot_of(columns), columns.vectors[0], 10, filter=Filter(folder=folder))
    assert len(matches) == found


def test_a_folder_of_an_index_that_has_none_left_holds_nothing() -> None:
    columns = Columns(random_units(9, 4, 4), live=np.zeros(4, bool), folders=())
    wanted = Filter(folder="a")
    assert similar(snapshot_of(columns), columns.vectors[0], 10, filter=wanted) == []


@QUICK
@given(library=libraries(), at=st.integers(0, 89))
def test_min_score_is_inclusive(library: tuple[Columns, Floats], at: int) -> None:
    columns, (query, *_) = library
    everything = similar(snapshot_of(columns), query, 100)
    if at >= len(everything):
        return
    least = min(1.0, max(-1.0, everything[at].score))
    matches = similar(snapshot_of(columns), query, 100, filter=Filter(min_score=least))
    assert matches == [match for match in everything if match.score >= least]


def test_excluded_images_make_room_for_the_next() -> None:
    columns = Columns(random_units(10, 50, 8))
    query = columns.vectors[4]
    five, *rest = similar(snapshot_of(columns), query, 10)
    assert five.id == 5
    matches = similar(snapshot_of(columns), query, 9, exclude=[5, 999])
    assert matches == rest


def test_codes_read_few_rows_of_vectors(way: str) -> None:
    columns = Columns(random_units(11, 20_000, 256))
    similar(snapshot_of(columns), columns.vectors[0], 20)
    if way == "vectors":  # they are all in memory: nothing is read from the file
        assert columns.read == []
        return
    assert 20 <= len(columns.read) < 2000
    assert len(set(columns.read)) == len(columns.read)


def test_with_tiles_an_image_scores_what_its_best_part_does() -> None:
    vectors, tiles = random_units(12, 40, 8), random_units(13, 40, 5, 8)
    columns = Columns(vectors, tiles=tiles)
    (query,) = random_units(14, 1, 8)
    parts = np.concatenate([vectors[:, None], tiles], axis=1)
    best = [max(score(part, query) for part in parts[row]) for row in range(40)]
    order = sorted(range(40), key=lambda row: (-best[row], row))
    matches = similar(snapshot_of(columns), query, 10, tiles=True)
    assert_same(matches, [(row + 1, best[row]) for row in order[:10]])


def test_collapsed_matches_hold_their_near_duplicates() -> None:
    centres = random_units(15, 30, 16)
    around = np.repeat(centres, 4, axis=0) + np.random.default_rng(15).normal(0, 1e-4, (120, 16))
    columns = Columns(units(around))
    matches = similar(snapshot_of(columns), centres[3], 10, collapse=0.999)
    assert len(matches) == 10
    for match in matches:
        burst = (match.id - 1) // 4
        assert {match.id, *match.folded} == set(range(4 * burst + 1, 4 * burst + 5))
    ranking = similar(snapshot_of(columns), centres[3], 120)
    best_first = [match.id for match in ranking]
    for match in matches:
        places = [best_first.index(id) for id in (match.id, *match.folded)]
        assert places == sorted(places)


def test_collapsed_pages_follow_one_another() -> None:
    centres = random_units(16, 30, 16)
    around = np.repeat(centres, 4, axis=0) + np.random.default_rng(16).normal(0, 1e-4, (120, 16))
    columns, query = Columns(units(around)), centres[0]
    whole = similar(snapshot_of(columns), query, 12, collapse=0.999)
    pages = [
        match
        for offset in (0, 4, 8)
        for match in similar(snapshot_of(columns), query, 4, offset=offset, collapse=0.999)
    ]
    assert pages == whole


def test_a_library_of_one_image_repeated_collapses_into_one_match() -> None:
    columns = Columns(np.repeat(random_units(17, 1, 8), 500, axis=0))
    (match,) = similar(snapshot_of(columns), columns.vectors[0], 5, collapse=0.95)
    assert (match.id, len(match.folded)) == (1, 499)


class TestCombine:
    def test_is_the_mean_of_likes_less_the_weighted_mean_of_unlikes(self) -> None:
        likes, unlikes = random_units(18, 3, 8), random_units(19, 2, 8)
        direction = likes.mean(axis=0) - 0.25 * unlikes.mean(axis=0)
        combined = combine(likes, unlikes, 0.25)
        assert combined.dtype == np.float32
        assert combined == pytest.approx(direction / np.linalg.norm(direction), abs=1e-6)

    def test_one_image_is_itself(self) -> None:
        one = random_units(20, 1, 8)
        assert combine(one, one[:0]) == pytest.approx(one[0], abs=1e-7)

    @pytest.mark.parametrize("weight", [0.5, 1.0])
    def test_like_and_unlike_the_same_is_an_error(self, weight: float) -> None:
        both = random_units(21, 2, 8)
        with pytest.raises(UsageError, match="the same images"):
            combine(both, both[::-1], weight)

    def test_opposites_cancel_out(self) -> None:
        one = random_units(22, 1, 8)
        with pytest.raises(UsageError, match="cancel"):
            combine(np.concatenate([one, -one]), one[:0])

    def test_something_to_be_like_is_needed(self) -> None:
        with pytest.raises(UsageError, match="at least one"):
            combine(np.empty((0, 8), np.float32), random_units(23, 1, 8))

    @pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
    def test_weight_is_a_number_from_0_up(self, weight: float) -> None:
        with pytest.raises(UsageError, match="weight"):
            combine(random_units(24, 1, 8), random_units(25, 1, 8), weight)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"k": 0}, "k 0"),
        ({"k": K_MAX + 1}, "1000"),
        ({"offset": -1}, "offset -1"),
        ({"offset": RANKING_MAX}, "10000"),
        ({"collapse": math.nan}, "collapse"),
        ({"collapse": 1.5}, "collapse"),
        ({"tiles": True}, "no tiles"),
        ({"query": np.full(8, math.nan, np.float32)}, "length"),
        ({"query": np.zeros(8, np.float32)}, "length"),
        ({"query": random_units(26, 9)}, "9 numbers"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(arguments: dict[str, Any], named: str) -> None:
    columns = Columns(random_units(27, 5, 8))
    with pytest.raises(UsageError, match=named):
        similar(snapshot_of(columns), **{"query": columns.vectors[0], "k": 5, **arguments})


def test_k_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "K_MAX", 3)
    columns = Columns(random_units(29, 5, 8))
    with pytest.raises(UsageError, match="between 1 and 3"):
        similar(snapshot_of(columns), columns.vectors[0], 4)


@pytest.mark.parametrize(
    "arguments",
    [
        {"min_score": math.nan},
        {"min_score": 1.01},
        {"orientation": "diagonal"},
        {"taken_from": 2, "taken_to": 1},
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Filter(**arguments)


def test_a_vector_equal_to_the_query_scores_1_and_is_found_at_1() -> None:
    """Its length is 1 within rounding only: who asked for a score of 1 lost copies of .9999999."""
    for seed in range(50):
        vectors = random_units(seed, 300, 24)
        vectors[[70, 100]] = vectors[7]
        columns = Columns(vectors)
        matches = similar(snapshot_of(columns), vectors[7], 5, filter=Filter(min_score=1))
        expected = [(int(columns.ids[row]), 1.0) for row in (7, 70, 100)]
        assert [(match.id, match.score) for match in matches] == expected


@pytest.mark.parametrize("factor", [1000, float("inf"), 1.01])
def test_a_vector_that_is_longer_is_refused_not_ranked_first(factor: float) -> None:
    columns = Columns(random_units(1, 300, 24))
    query = columns.vectors[7].copy()
    columns.vectors[7] *= np.float32(factor)
    with pytest.raises(StoreError, match=r"image 8 is damaged.*check --repair"):
        similar(snapshot_of(columns), query, 5)


def test_a_vector_of_no_numbers_is_never_an_answer() -> None:
    columns = Columns(random_units(1, 300, 24))
    query = columns.vectors[7].copy()
    columns.vectors[7] = np.nan
    with suppress(StoreError):  # where it is looked at
        matches = similar(snapshot_of(columns), query, 300)
        assert len(matches) == 299
        assert 8 not in [match.id for match in matches]
