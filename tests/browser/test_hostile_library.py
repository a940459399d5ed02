"""Names and EXIF texts that would be code, if the page were careless, are shown as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import hostile
from tests.browser.conftest import Console, open_page
from tools.testing.browsers import DESK
from tools.testing.site import Site

ALIEN = """() => [...document.querySelectorAll("*")].filter(element =>
    ["IFRAME", "OBJECT", "EMBED"].includes(element.tagName)
    || element.tagName === "SCRIPT" && !element.src
    || [...element.attributes].some(({name, value}) =>
        name.startsWith("on") || ["href", "src", "action", "formaction"].includes(name)
        && value.trim().toLowerCase().startsWith("javascript:"))
).map(element => element.outerHTML)"""


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "library").mkdir()
    hostile.make_library(folder / "library")
    site = Site(folder / "library", folder / "index", "--model", str(model), "--no-watch")
    try:
        site.wait_until_indexed(70)
        yield site
    finally:
        site.stop()


@pytest.fixture
def hostile_page(browser: Browser, hostile_site: Site, console: Console) -> Iterator[Page]:
    context = open_page(browser, hostile_site.url, console, **DESK)
    page = context.new_page()
    page.on("dialog", lambda dialog: console.errors.append(f"dialog: {dialog.message}"))
    yield page
    context.close()


def test_50_hostile_names_and_exif_texts_are_text(hostile_page: Page, hostile_site: Site) -> None:
    page = hostile_page
    images = hostile_site.get("api/images?limit=1000")["items"]
    shown = [image for image in images if not image["path"].startswith(("appended", "comment"))]
    assert len(shown) == 50
    page.goto("?sort=name")
    for image in shown:
        # What the page does at a click, without loading it anew each time.
        page.evaluate(
            """id => {
                history.pushState(null, "", `?view=similar&id=${id}`);
                dispatchEvent(new PopStateEvent("popstate"));
            }""",
            image["id"],
        )
        expect(page.get_by_role("img", name=image["name"], exact=True)).to_be_visible()
        assert page.locator("summary .name").text_content() == image["name"]
        assert page.evaluate(ALIEN) == []
    page.goto("?view=duplicates")
    expect(page.get_by_role("region").first).to_be_visible()
    assert page.evaluate(ALIEN) == []
