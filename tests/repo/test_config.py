"""config: limits are read and written with units, and only as something sensible."""

from __future__ import annotations

import pytest

from edge_app.config import (
    INDEXING_LIMITS,
    LIMITS,
    Limits,
    limit_text,
    option_of,
    options_of,
    parse_limit,
)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("decode_memory_bytes", "512M", 512 * 2**20), ("decode_memory_bytes", "1.5g", 1536 * 2**20),
     ("file_bytes", "9", 9), ("decode_s", "2.5", 2.5), ("decode_s", "2.5s", 2.5),
     ("poll_s", "5m", 300.0), ("session_s", "30d", 2_592_000),
     ("connections", "64", 64)],
)  # fmt: skip
def test_a_limit_is_a_number_with_a_unit_or_without(name: str, text: str, value: float) -> None:
    read = parse_limit(name, text)
    assert read == value
    assert isinstance(read, type(getattr(Limits(), name)))


@pytest.mark.parametrize("name", LIMITS)
def test_the_text_of_a_limit_is_read_as_that_limit(name: str) -> None:
    default = getattr(Limits(), name)
    for value in (default, default + 1, 3 * default):
        assert parse_limit(name, limit_text(name, value)) == value


def test_the_options_of_limits_are_those_that_differ() -> None:
    limits = Limits(file_bytes=5, decode_s=2.5, connections=3)
    assert options_of(limits, INDEXING_LIMITS) == ["--file-size", "5", "--decode-time", "2.5s"]
    assert options_of(Limits(), LIMITS) == []


def test_each_limit_has_an_option_of_its_own() -> None:
    assert len({option_of(name) for name in LIMITS}) == len(LIMITS)


@pytest.mark.parametrize(
    ("name", "text"),
    [("connections", text) for text in ("", "many", "1.5", "0", "5s", "-1", "1e9", "9" * 20)]
    + [("decode_s", text) for text in ("nan", "-1", "inf", "0", "5M5", "20w")],
)
def test_what_is_no_limit_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"not above 0, such as|more than"):
        parse_limit(name, text)
