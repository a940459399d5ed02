"""100,000 images: the page stays small and asks for little. Times: `benchmarks.speed.page`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Console
from tools.testing import manyimages, measures
from tools.testing.looks import expect_thumbnails
from tools.testing.site import Site

IMAGES = 100_000
SCREENS = 50
NODES_MAX = 500
HEAP_MAX_BYTES = 60_000_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Site]:
    """A server of an index of 100,000 images, whose originals are out of reach."""
    folder = tmp_path_factory.mktemp("many")
    library = folder / "library"
    library.mkdir()
    with manyimages.filled(folder / "index", library, IMAGES):
        site = Site(library, folder / "index", "--model", str(model), "--no-watch")
        yield site
        site.stop()


def test_first_thumbnails_come_without_waiting_for_the_rest(many: Site, page: Page) -> None:
    page.goto(many.url)
    expect_thumbnails(page)
    expect(page.get_by_text("100,000 photos")).to_be_visible()
    thumbnails = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/thumbs/')).length"
    )
    assert thumbnails < 60


def test_scrolling_keeps_the_page_small_and_still(many: Site, page: Page) -> None:
    page.add_init_script(measures.NOTE_SHIFTS)
    measures.open_whole(page, many.url)
    assert measures.scroll(page, SCREENS) < NODES_MAX
    assert measures.heap_bytes(page) < HEAP_MAX_BYTES
    assert page.evaluate("window.shifted") == []


def test_a_gallery_too_long_for_one_page_is_shown_in_parts(many: Site, page: Page) -> None:
    """Browsers lay out no more than 17 million pixels. Here a part is smaller, to have several."""

    def smaller(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(
            response=answer, body=answer.text().replace("PART = 200_000", "PART = 40_000")
        )

    page.route("**/lib/library.js*", smaller)
    page.goto(many.url)
    expect(page.get_by_text("100,000 photos")).to_be_visible()
    expect(page.get_by_text("Photos 1 to 40,000 of 100,000")).to_be_attached()
    expect(page.get_by_role("link", name="Photos before these")).to_have_count(0)
    page.get_by_role("link", name="Photos after these").click()
    expect(page.get_by_text("Photos 40,001 to 80,000 of 100,000")).to_be_attached()
    expect_thumbnails(page)
    expect(page.locator(".tile").first).to_have_attribute("aria-posinset", "40001")
    page.get_by_role("link", name="Photos after these").click()
    expect(page.get_by_text("Photos 80,001 to 100,000 of 100,000")).to_be_attached()
    page.get_by_label("Sort").select_option("date")
    expect(page.get_by_text("Photos 1 to 40,000 of 100,000")).to_be_attached()
    page.goto(f"{many.url}?part=9")
    expect(page.get_by_text("Photos 80,001 to 100,000 of 100,000")).to_be_attached()


def test_the_end_is_one_key_away(many: Site, page: Page) -> None:
    measures.open_whole(page, many.url)
    page.locator(".tile a").first.focus()
    page.keyboard.press("End")
    expect(page.locator('.tile[aria-posinset="100000"] a')).to_be_focused()
    expect_thumbnails(page)
    assert page.evaluate("document.querySelectorAll('*').length") < NODES_MAX


def test_a_click_asks_for_one_search_and_moves_nothing(
    many: Site, page: Page, console: Console
) -> None:
    console.expect("404.*/(originals|previews)/")
    page.add_init_script(measures.NOTE_SHIFTS)
    measures.open_whole(page, many.url)
    measures.click_ms(page)
    expect_thumbnails(page)
    searches = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/similar')).length"
    )
    assert searches == 1
    assert page.evaluate("window.shifted") == []
