"""loginpage: the sign-in page speaks the language of the page behind it."""

from __future__ import annotations

import pytest

from edge_app.api.files.page import STATIC
from edge_app.guard.loginpage import TEXTS, LoginPage, language_of


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-GB, de;q=0.5", "en"),
        ("fr, de;q=0.4, en;q=0.7", "en"),
        ("fr,it", "en"),
        ("de;q=0, en", "en"),
        ("DE", "de"),
        ("*", "en"),
        ("de;q=nan,,;;,\x00", "en"),
        ("x," * 10_000 + "de", "en"),
    ],
)
def test_the_language_is_the_one_the_browser_prefers(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


def test_every_language_of_the_page_has_every_text() -> None:
    assert {file.stem for file in (STATIC / "messages").glob("*.js")} == TEXTS.keys()
    assert len({frozenset(texts) for texts in TEXTS.values()}) == 1
    for language, texts in TEXTS.items():
        page = LoginPage()
        for message in texts:
            shown = page.show("/login", "?view=status", language, message, 5).decode()
            assert f'<html lang="{language}">' in shown
            assert "$" not in shown
            assert "{" not in shown
