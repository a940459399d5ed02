"""The products of codes are those of integers, whoever multiplies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from edge_app import memory
from edge_app.index.format.codes import Codes
from edge_app.search.vectors import products
from edge_app.search.vectors.peaks import BLOCK_ROWS, Floats


@pytest.fixture(params=["NumKong", "NumPy"], autouse=True)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "NumPy":
        monkeypatch.setattr(products, "numkong", None)
    elif products.instructions() is None:
        pytest.skip("NumKong is not installed, or has nothing for this processor")


def made_up(seed: int, rows: int, width: int) -> Codes:
    codes = np.random.default_rng(seed).integers(-127, 128, (rows, width))
    return cast(Codes, codes.astype(np.int8))


def expected(codes: Codes, scales: Floats, queries: Codes) -> Floats:
    exact = queries.astype(np.int64) @ codes.astype(np.int64).T
    return cast(Floats, exact * scales.astype(np.float64))


def products_of(codes: Codes, scales: Floats, queries: Codes) -> Floats:
    found = products.scaled_products(codes, scales, queries, None)
    return cast(Floats, np.array([one.values[: len(codes)] for one in found]))


@pytest.mark.parametrize("rows", [0, 1, 2, 63, BLOCK_ROWS, 9000])
@pytest.mark.parametrize("width", [64, 100, 1024])
@pytest.mark.parametrize("queries", [1, 2, 3, 4, 17, 100])
def test_they_are_exact_but_for_the_rounding_of_float32(
    rows: int, width: int, queries: int
) -> None:
    codes, asked = made_up(1, rows, width), made_up(2, queries, width)
    scales = np.random.default_rng(3).random(rows).astype(np.float32)
    found = products_of(codes, scales, asked)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(codes, scales, asked), rtol=5e-7, atol=5e-3)


def test_the_largest_codes_there_are_do_not_overflow() -> None:
    codes, scales = np.full((3, 8192), -127, np.int8), np.ones(3, np.float32)
    for queries in (1, 5):
        asked = np.full((queries, 8192), 127, np.int8)
        found = products_of(codes, scales, asked)
        np.testing.assert_allclose(found, np.full((queries, 3), -127.0 * 127 * 8192), rtol=1e-5)


@pytest.mark.parametrize("queries", [1, 20])
def test_rows_may_lie_apart_as_in_the_first_layout(queries: int) -> None:
    mixed, asked = made_up(4, 300, 108), made_up(5, queries, 100)
    mixed.flags.writeable = False
    scales = np.ones(300, np.float32)
    found = products_of(mixed[:, 8:], scales, asked)
    np.testing.assert_allclose(found, expected(mixed[:, 8:], scales, asked), rtol=5e-7, atol=5e-3)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("queries", [1, 20])
def test_threads_leave_no_row_out(
    threads: int, queries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "default_threads", lambda: threads)
    monkeypatch.setattr(products, "_LEAST_BYTES", 1)  # a block each
    products._pool.cache_clear()
    codes, asked = made_up(6, 20 * BLOCK_ROWS + 3, 64), made_up(7, queries, 64)
    products_of(codes, np.ones(len(codes), np.float32), asked)  # from now on there are threads
    scales = np.ones(len(codes), np.float32)
    found = products_of(codes, scales, asked)
    products._pool.cache_clear()
    np.testing.assert_allclose(found, expected(codes, scales, asked), rtol=5e-7, atol=5e-3)


@pytest.mark.skipif(memory.default_threads() < 2, reason="there is one core")
def test_the_other_threads_wake_on_other_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_LEAST_BYTES", 1)
    products._pool.cache_clear()
    codes, scales = made_up(8, 3 * BLOCK_ROWS, 64), np.ones(3 * BLOCK_ROWS, np.float32)
    products_of(codes, scales, codes[:1])  # makes the threads
    first, *_ = products._pool()[1]
    allowed = []

    def note(thread: int, cores: set[int]) -> None:
        allowed.append((thread, len(cores)))

    monkeypatch.setattr(os, "sched_setaffinity", note)
    products_of(codes, scales, codes[:1])
    cores = memory.default_threads()
    assert allowed[0] == (first, cores - 1)
    assert set(allowed[1:]) <= {(thread, cores - 1) for thread in products._pool()[1]} | {
        (0, cores)
    }


@pytest.fixture
def capabilities() -> Iterator[list[str]]:
    """The sets of instructions that can be switched off here, the best first."""
    if products.instructions() is None:
        pytest.skip("there are none")
    numkong = pytest.importorskip("numkong")
    able = [name for name in products._INSTRUCTIONS if numkong.get_capabilities().get(name)]
    yield able
    for name in able:
        numkong.enable_capability(name)
    products._capabilities.cache_clear()


@pytest.mark.parametrize("width", [256, 1280])
@pytest.mark.parametrize("queries", [1, 20])
def test_every_set_of_instructions_gives_the_same(
    queries: int, width: int, capabilities: list[str]
) -> None:
    codes, asked = made_up(8, 200, width), made_up(9, queries, width)
    scales = np.ones(200, np.float32)
    codes[0], codes[1], asked[0] = -127, 127, 127
    for name in capabilities:
        assert products.instructions() == name
        found = products_of(codes, scales, asked)
        np.testing.assert_allclose(found, expected(codes, scales, asked), rtol=5e-7, atol=5e-3)
        pytest.importorskip("numkong").disable_capability(name)
        products._capabilities.cache_clear()
    assert products.instructions() is None
    assert products.kernel() == "NumPy"


def test_it_is_said_who_multiplies() -> None:
    name = products.kernel()
    if name != "NumPy":
        numkong = pytest.importorskip("numkong")
        instructions = name.removeprefix("NumKong (").removesuffix(")")
        assert numkong.get_capabilities()[instructions]


def test_a_kernel_that_multiplies_wrongly_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    numkong = pytest.importorskip("numkong")
    right = products.instructions()
    if right is None:
        pytest.skip("there is none")

    def wrong(rows: Codes, packed: object) -> object:
        found = np.array(numkong.dots_packed(rows, packed))
        found[-1, -1] += 1
        return found

    fake = SimpleNamespace(
        get_capabilities=numkong.get_capabilities,
        cdist=numkong.cdist,
        dots_pack=numkong.dots_pack,
        dots_packed=wrong,
    )
    monkeypatch.setattr(products, "numkong", fake)
    products._is_right.cache_clear()
    assert products.kernel() == "NumPy"
    products._is_right.cache_clear()


def test_sme_is_never_used() -> None:
    """NumKong 7.8.6 writes beyond its memory with it."""
    numkong = pytest.importorskip("numkong")
    able = numkong.get_capabilities()
    assert not [name for name in able if name.startswith("sme") and able[name]]
