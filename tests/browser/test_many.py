"""100,000 images: the page stays small and quick. Counts are asserted, times are printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import manyimages
from tests.browser.conftest import Console
from tests.browser.looks import expect_thumbnails, wait_until
from tests.browser.site import Site

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


def open_whole(page: Page, site: Site) -> None:
    """Open the gallery and wait until all of it can be scrolled."""
    page.goto(site.url)
    expect_thumbnails(page)
    wait_until(page, "document.documentElement.scrollHeight > 1_000_000")
    expect_thumbnails(page)


def metrics(page: Page) -> dict[str, float]:
    """Chromium's own counts, after collecting garbage."""
    client = page.context.new_cdp_session(page)
    client.send("HeapProfiler.collectGarbage")
    client.send("Performance.enable")
    found = client.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in found}


def test_first_thumbnails_come_without_waiting_for_the_rest(many: Site, page: Page) -> None:
    page.goto(many.url)
    expect_thumbnails(page)
    expect(page.get_by_text("100,000 photos")).to_be_visible()
    took_ms = page.evaluate(
        """() => performance.getEntriesByType('resource')
            .filter(entry => entry.name.includes('/thumbs/'))
            .map(entry => entry.responseEnd).sort((a, b) => a - b)[11]"""
    )
    print(f"12 thumbnails {took_ms:.0f} ms after navigation")
    thumbnails = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/thumbs/')).length"
    )
    assert thumbnails < 60


def test_scrolling_keeps_the_page_small(many: Site, page: Page) -> None:
    open_whole(page, many)
    page.mouse.move(600, 400)
    most = 0
    for _ in range(SCREENS):
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(30)
        most = max(most, page.evaluate("document.querySelectorAll('*').length"))
    wait_until(page, f"scrollY >= {SCREENS * 800}")
    expect_thumbnails(page)
    heap_bytes = metrics(page)["JSHeapUsedSize"]
    print(f"at most {most} elements, {heap_bytes / 1e6:.1f} MB of heap after {SCREENS} screens")
    assert most < NODES_MAX
    assert heap_bytes < HEAP_MAX_BYTES


def test_the_end_is_one_key_away(many: Site, page: Page) -> None:
    open_whole(page, many)
    page.locator(".tile a").first.focus()
    page.keyboard.press("End")
    expect(page.locator('.tile[aria-posinset="100000"] a')).to_be_focused()
    expect_thumbnails(page)
    assert page.evaluate("document.querySelectorAll('*').length") < NODES_MAX


def test_a_click_shows_matches(many: Site, page: Page, console: Console) -> None:
    console.expect("404.*/originals/")
    open_whole(page, many)
    page.evaluate(
        """() => {
            const start = performance.now();
            document.querySelector('.tile a').click();
            const seen = () => document.querySelector('.score')
                ? requestAnimationFrame(() => { window.took = performance.now() - start; })
                : requestAnimationFrame(seen);
            seen();
        }"""
    )
    wait_until(page, "window.took")
    took_ms = page.evaluate("window.took")
    search_ms = page.evaluate(
        """() => performance.getEntriesByType('resource')
            .find(entry => entry.name.includes('/similar')).duration"""
    )
    print(f"{took_ms:.0f} ms from click to matches, {search_ms:.0f} of them the search")
    expect_thumbnails(page)
