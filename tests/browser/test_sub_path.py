"""The page below a path, as behind a reverse proxy that serves other things too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import photos
from tests.browser.conftest import Console, open_page
from tools.testing.browsers import DESK
from tools.testing.looks import expect_first, expect_thumbnails, tile
from tools.testing.site import Site


@pytest.fixture
def below(site: Site, tmp_path: Path, model: Path) -> Iterator[Site]:
    """The same library and index, served below /photos."""
    options = ("--model", str(model), "--no-watch", "--base-path", "/photos")
    below = Site(site.library, site.index, *options)
    yield below
    below.stop()


def test_everything_stays_below_the_path(
    browser: Browser, below: Site, console: Console, tmp_path: Path
) -> None:
    assert below.url.endswith("/photos/")
    context = open_page(browser, below.url, console, **DESK)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto("?sort=name")
    expect_thumbnails(page)
    tile(page, "photo-05.jpg").click()
    expect_first(page, "smaller.jpg")
    expect(page).to_have_url(re.compile(f"^{re.escape(below.url)}\\?.*view=similar"))
    search_with(page, tmp_path / "mine.png")
    expect_first(page, "photo-12.jpg")

    outside = [url for url in asked if not url.startswith((below.url, "blob:", "data:"))]
    assert asked
    assert outside == []
    context.close()


def search_with(page: Page, file: Path) -> None:
    photos.scene(12, 600, 400).resize((500, 340)).save(file)
    page.get_by_role("link", name="Search with a photo").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files(file)
