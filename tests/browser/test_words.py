"""Searching for a word: completed as it is typed, alone and with photos; not offered in vain."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from edge_app.model.embed import Embedder
from tests.browser.conftest import Console, open_page
from tests.browser.test_accessibility import AXE
from tests.model.test_words import teach
from tools.testing.browsers import DESK
from tools.testing.looks import expect_thumbnails, names
from tools.testing.site import Site

WORDS = {"espresso, coffee": "photo-05.jpg", "esplanade": "photo-02.jpg"}


@pytest.fixture(scope="module")
def knowing(site: Site, tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Site]:
    """The same photos by a model that knows two words: what two of them look like."""
    folder = tmp_path_factory.mktemp("words")
    shutil.copytree(site.index, folder / "index", ignore=shutil.ignore_patterns("previews"))
    for file in (model, model.with_suffix(".json")):
        shutil.copy(file, folder)
    embedder = Embedder(folder / model.name)
    size = (embedder.card.input_size_px,) * 2
    found = [next(site.library.rglob(name)) for name in WORDS.values()]
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB").resize(size)) for file in found])
    teach(folder / model.name, list(WORDS), embedder.embed(pixels))
    options = ("--model", str(folder / model.name), "--no-watch")
    knowing = Site(site.library, folder / "index", *options)
    yield knowing
    knowing.stop()


@pytest.fixture
def window(browser: Browser, knowing: Site, console: Console) -> Iterator[Page]:
    """A window of 1280 × 800 on that server."""
    context = open_page(browser, knowing.url, console, **DESK)
    yield context.new_page()
    context.close()


def field(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Search for a word")


def test_a_word_is_typed_completed_and_found(window: Page) -> None:
    window.goto("")
    expect(field(window)).to_be_visible()
    window.keyboard.press("/")
    expect(field(window)).to_be_focused()
    with window.expect_response("**/api/words?q=esp"):
        field(window).press_sequentially("esp", delay=1)
    expect(window.locator("datalist option")).to_have_count(2)
    options = window.locator("datalist option").evaluate_all("list => list.map((o) => o.value)")
    assert options == ["esplanade", "espresso"]
    field(window).fill("espresso")
    field(window).press("Enter")
    expect(window).to_have_url(re.compile(r"\?view=search&word=espresso$"))
    expect(window.get_by_role("heading", name="Like “espresso”")).to_be_visible()
    expect_thumbnails(window)
    assert names(window)[0] == "photo-05.jpg"


def test_an_answer_that_comes_late_completes_nothing_else(window: Page) -> None:
    under_way: list[Route] = []
    window.route("**/api/words?q=espr", lambda route: under_way.append(route))
    window.goto("")
    with window.expect_request("**/api/words?q=espr"):
        field(window).fill("espr")
    with window.expect_response("**/api/words?q=espl"):
        field(window).fill("espl")
    option = window.locator("datalist option")
    expect(option).to_have_attribute("value", "esplanade")
    with window.expect_response("**/api/words?q=espr") as late:
        under_way[0].continue_()
    late.value.finished()
    window.evaluate("fetch('api/words?q=').then((answer) => answer.json())")  # after the page's
    expect(option).to_have_attribute("value", "esplanade")


def test_a_word_and_photos_are_one_search(window: Page, knowing: Site) -> None:
    like = knowing.id_of("photo-02.jpg")
    with window.expect_request("**/api/search") as search:
        window.goto(f"?view=search&word=coffee&like={like}")
    asked = search.value.post_data_json or {}
    assert (asked["text"], asked["like"]) == ("coffee", [like])
    expect_thumbnails(window)
    assert "photo-02.jpg" not in names(window)
    window.get_by_role("button", name="Clear").click()
    expect(window).to_have_url(re.compile(r"\?view=search&word=coffee$"))
    expect(field(window)).to_have_value("coffee")


def test_the_slash_key_opens_it_and_keeps_the_photos_that_are_chosen(
    window: Page, knowing: Site
) -> None:
    like = knowing.id_of("photo-05.jpg")
    window.goto(f"?view=search&like={like}")
    expect_thumbnails(window)
    window.goto("./")
    expect(field(window)).to_be_visible()
    window.keyboard.press("/")
    window.keyboard.type("espresso")
    window.keyboard.press("Enter")
    expect(window).to_have_url(re.compile(rf"\?view=search&like={like}&word=espresso$"))


def test_an_unknown_word_is_answered_with_the_closest(window: Page, console: Console) -> None:
    console.expect("404")
    window.goto("?view=search&word=expresso")
    expect(window.get_by_role("alert")).to_contain_text("the closest are espresso")
    expect(window.get_by_role("button", name="Try again")).to_have_count(0)  # it would not help
    field(window).fill("espresso")
    field(window).press("Enter")
    expect_thumbnails(window)


def test_axe_finds_nothing_in_a_search_for_a_word(window: Page) -> None:
    window.goto("?view=search&word=espresso")
    expect_thumbnails(window)
    window.evaluate(AXE)
    assert window.evaluate("axe.run()")["violations"] == []


def test_a_model_without_words_offers_no_field(page: Page, site: Site) -> None:
    page.goto("?view=search")
    expect(page.get_by_role("heading", name="Choose photos to search by")).to_be_visible()
    if site.get("api/status")["model"]["words"]:
        pytest.skip("the default model knows words")
    expect(field(page)).to_be_hidden()
