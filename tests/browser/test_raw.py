"""A RAW photo on the page: seen by its preview; beside its JPEG it is a second file to download."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import util
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Console, open_page
from tests.photos.raws import dng
from tools.testing.browsers import DESK
from tools.testing.looks import wait_until
from tools.testing.pictures import picture
from tools.testing.site import Site

pytestmark = pytest.mark.skipif(util.find_spec("rawpy") is None, reason="rawpy is not installed")


@pytest.fixture(scope="module")
def raws(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("raw")
    library = folder / "library"
    library.mkdir()
    picture(1, 900, 600).save(library / "pair.jpg")
    (library / "pair.dng").write_bytes(dng(picture(1, 1200, 800), (1100,)))
    (library / "alone.dng").write_bytes(dng(picture(2, 1200, 800), (1100,)))
    site = Site(library, folder / "index", "--model", str(model), "--no-watch")
    try:
        site.wait_until_indexed(2)
        yield site
    finally:
        site.stop()


@pytest.fixture
def window(browser: Browser, raws: Site, console: Console) -> Iterator[Page]:
    context = open_page(browser, raws.url, console, **DESK)
    yield context.new_page()
    context.close()


def open_photo(page: Page, site: Site, name: str) -> None:
    page.goto(f"?view=similar&id={site.id_of(name)}")
    page.locator("details summary").click()


def test_a_raw_file_can_be_downloaded_beside_its_picture(window: Page, raws: Site) -> None:
    open_photo(window, raws, "pair.jpg")
    with window.expect_download() as download:
        window.locator("details").get_by_role("link", name="pair.dng").click()
    assert download.value.path().read_bytes() == (raws.library / "pair.dng").read_bytes()


def test_a_raw_photo_is_seen_by_its_preview(window: Page, raws: Site) -> None:
    open_photo(window, raws, "alone.dng")
    wait_until(window, "[...document.images].some((image) => image.naturalWidth === 1100)")
    expect(window.locator("details").get_by_text("1,200 × 800 pixels").last).to_be_visible()
    expect(window.locator("details").get_by_text("DNG").last).to_be_visible()
