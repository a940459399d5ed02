"""English and German: complete, without leftovers, and chosen by the browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from edge_app.errors import DecodeError
from edge_app.photos.reading.opening import format_of
from tests.browser.conftest import Console, open_page
from tests.conftest import ROOT
from tools.testing.browsers import DESK
from tools.testing.looks import expect_thumbnails
from tools.testing.site import Site

STATIC = ROOT / "static"
LANGUAGES = ("en", "de")
# Keys put together from parts: every one that starts so may be meant.
MADE = re.compile(r"t\(`([a-z.]+)\$\{")
NAMED = re.compile(r"'([a-z]+(?:\.-?[a-z_]+)+)'")


def texts(language: str) -> dict[str, str]:
    """The texts of one language, by key; forms by number as `key#form`."""
    source = (STATIC / f"messages/{language}.js").read_text()
    body = source[source.index("export default") :].removeprefix("export default")
    found: dict[str, str] = {}
    entry = re.compile(r"^  '([^']+)':\s*(?:'((?:[^'\\]|\\.)*)'|\{(.*)\}),$", re.M)
    for key, text, forms in entry.findall(body):
        if forms:
            for form, each in re.findall(r"(\w+): '((?:[^'\\]|\\.)*)'", forms):
                found[f"{key}#{form}"] = each
        else:
            found[key] = text
    lines = [line for line in body.splitlines() if re.match(r"^  '", line)]
    assert len({key.split("#")[0] for key in found}) == len(lines), "a line is not understood"
    return found


def used() -> tuple[set[str], set[str]]:
    """Keys that the page names, and beginnings of those it puts together."""
    source = "\n".join(path.read_text() for path in (STATIC / "js").rglob("*.js"))
    return set(NAMED.findall(source)), set(MADE.findall(source))


def test_both_languages_have_the_same_texts_with_the_same_values() -> None:
    english, german = texts("en"), texts("de")
    assert english.keys() == german.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", german[key])), key
        assert german[key], key


def test_no_text_is_missing_and_none_is_left_over() -> None:
    named, made = used()
    known = {key.split("#")[0] for key in texts("en")}
    roots = {key.split(".")[0] for key in known}
    missing = {key for key in named if key.split(".")[0] in roots and key not in known}
    files = (".js", ".txt", ".json", ".sh", ".zip")
    assert {key for key in missing if not key.endswith(files)} == set()
    left = {key for key in known if key not in named and not any(map(key.startswith, made))}
    assert left == set()


@pytest.mark.parametrize(("locale", "title"), [("de-AT", "Alle Fotos"), ("fr-FR", "All photos")])
def test_the_browser_chooses(
    browser: Browser, site: Site, console: Console, locale: str, title: str
) -> None:
    context = open_page(browser, site.url, console, locale=locale, **DESK)
    page = context.new_page()
    page.goto("")
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect_thumbnails(page)
    expected = "de" if locale.startswith("de") else "en"
    assert page.evaluate("document.documentElement.lang") == expected
    context.close()


def said_of(data: bytes) -> str:
    with pytest.raises(DecodeError) as error:
        format_of(data)
    return str(error.value)


def test_what_the_server_says_is_told_in_german(
    browser: Browser, site: Site, console: Console
) -> None:
    context = open_page(browser, site.url, console, locale="de-DE", **DESK)
    page = context.new_page()
    page.goto("")
    expect_thumbnails(page)
    said = [said_of(data) for data in (b"", b"text", b"%PDF-1.4", b"....ftypmp42")]
    said += ["TIFF of a kind that the installed Pillow can't read", "damaged JPEG"]
    said += ["Too busy; try again.", "too many images are being decoded at once; try again"]
    told = page.evaluate(
        """async (said) => {
            const { told } = await import(new URL('js/lib/text.js', location));
            return said.map(told);
        }""",
        said,
    )
    assert told[2:4] == [
        "PDF-Dateien werden nicht unterstützt",
        "Video-Dateien werden nicht unterstützt",
    ]
    english = re.compile(r"\b(not|an?|files?|the|of|damaged|try|images?|busy)\b", re.I)
    assert [text for text in told if english.search(text)] == []
    context.close()


NARROWEST: dict[str, Any] = {
    "viewport": {"width": 320, "height": 568},
    "has_touch": True,
    "is_mobile": True,
}


# Buttons of a heading with something else on top.
COVERED = """() => [...document.querySelectorAll(".heading button, .heading a, .listbar button")]
    .filter((button) => {
        const { x, y, width, height } = button.getBoundingClientRect();
        const top = document.elementFromPoint(x + width / 2, y + height / 2);
        return width && top && y + height < innerHeight - 120 && !button.contains(top);
    }).map((button) => button.textContent)"""


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_no_view_is_wider_than_the_narrowest_phone(
    browser: Browser, site: Site, console: Console, locale: str
) -> None:
    context = open_page(browser, site.url, console, locale=locale, **NARROWEST)
    page = context.new_page()
    id = site.id_of("photo-05.jpg")
    kinds = ("identical", "same", "alike", "marked", "dismissed")
    views = ["", "?view=upload", "?view=status", "?folder=.", f"?view=similar&id={id}"]
    views += [f"?view=similar&id={id}&box=0.1,0.1,0.5,0.5"]
    for view in views + [f"?view=duplicates&kind={kind}" for kind in kinds]:
        page.goto(view)
        expect(page.locator("main h1, main h2").first).to_be_attached()
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") == 320, view
        assert page.evaluate(COVERED) == [], view
    page.set_viewport_size({"width": 844, "height": 390})
    page.goto(f"?view=similar&id={id}&box=0.1,0.1,0.5,0.5")
    expect_thumbnails(page)
    assert page.evaluate(COVERED) == []  # where matches have half of a low window
    context.close()
