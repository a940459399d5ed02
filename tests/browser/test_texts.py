"""A model with a text tower is asked for anything in the page's search field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import photos
from tests.browser.conftest import Console, open_page
from tests.browser.test_words import field
from tools.testing.browsers import DESK
from tools.testing.looks import expect_thumbnails
from tools.testing.site import Site

MODEL = Path(__file__).parents[1] / "fixtures/tinyclip/tiny.tflite"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def understanding(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same photos by a model that has two towers of random numbers."""
    folder = tmp_path_factory.mktemp("texts")
    understanding = Site(site.library, folder / "index", "--model", str(MODEL), "--no-watch")
    try:
        understanding.wait_until_indexed(photos.IMAGES)
        yield understanding
    finally:
        understanding.stop()


@pytest.fixture
def window(browser: Browser, understanding: Site, console: Console) -> Iterator[Page]:
    context = open_page(browser, understanding.url, console, **DESK)
    yield context.new_page()
    context.close()


def test_a_text_is_written_and_answered(window: Page) -> None:
    window.goto("")
    field(window).fill("the red dog in the snow")
    with window.expect_request("**/api/search") as search:
        field(window).press("Enter")
    assert (search.value.post_data_json or {})["text"] == "the red dog in the snow"
    expect(window).to_have_url(re.compile(r"\?view=search&word=the\+red|word=the%20red"))
    expect_thumbnails(window)


def test_a_text_and_photos_are_one_search(window: Page, understanding: Site) -> None:
    like = understanding.id_of("photo-02.jpg")
    with window.expect_response("**/api/search") as search:
        window.goto(f"?view=search&word=a+dog&like={like}")
    assert (
        search.value.json()["query"] | {"text": "a dog", "like": [like]}
        == (search.value.json()["query"])
    )
    expect_thumbnails(window)
