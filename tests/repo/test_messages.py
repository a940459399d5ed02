"""The page's texts: each is used, and each that is used is there."""

from __future__ import annotations

import re

from tests.conftest import ROOT

STATIC = ROOT / "static"
MESSAGES = set(re.findall(r"^  '(\S+)':", (STATIC / "messages/en.js").read_text("utf-8"), re.M))
SCRIPTS = "\n".join(file.read_text("utf-8") for file in sorted((STATIC / "js").rglob("*.js")))
ASKED_FOR = set(re.findall(r"\bt\('([^']+)'", SCRIPTS))
FAMILIES = tuple(re.findall(r"\bt\(`([^`$]+)\$\{", SCRIPTS))  # t(`sort.${each}`)


def test_every_text_that_the_page_asks_for_is_there() -> None:
    assert len(ASKED_FOR) > 50
    assert sorted(ASKED_FOR - MESSAGES) == []
    assert [family for family in FAMILIES if not any(m.startswith(family) for m in MESSAGES)] == []


def test_no_text_is_left_over() -> None:
    named = {key for key in MESSAGES if f"'{key}'" in SCRIPTS or key.startswith(FAMILIES)}
    assert sorted(MESSAGES - named) == []
