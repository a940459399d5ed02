"""errors: whatever a message quotes, it is one short line."""

from __future__ import annotations

import pytest

from edge_app.errors import EdgeAppError


@pytest.mark.parametrize("code", ["\x1b[2J", "\r", "\n", "\x9b", "\u202e", "\udcff", "\x00"])
def test_a_message_is_one_line_whatever_it_quotes(code: str) -> None:
    """File names and model cards come from elsewhere; a terminal would obey them."""
    said = str(EdgeAppError(f"photo a{code}b.jpg can't be read"))
    assert said.isprintable()
    assert said.startswith("photo a\\")
    assert said.encode()


def test_a_message_is_short_and_ends_with_what_to_do() -> None:
    said = str(EdgeAppError(f"model card {'a' * 10**6} is wrong; create it with `make model`"))
    assert len(said) < 2100
    assert said.endswith("create it with `make model`")
