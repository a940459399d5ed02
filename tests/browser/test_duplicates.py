"""Reviewing duplicates: by kind, side by side, what differs, marks that stay, groups dismissed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import photos
from tools.testing.looks import hold, wait_until
from tools.testing.pictures import SIZES
from tools.testing.site import Site

COPY = "copies/the-same.jpg"


def group_of(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=re.compile("^Group")).filter(has_text=name)


def tabs(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Kinds of duplicates")


@pytest.fixture
def own_site(tmp_path: Path, model: Path) -> Iterator[Site]:
    """A small library of its own, for what changes the index."""
    library = tmp_path / "Twins"
    library.mkdir()
    photos.fill_twins(library)
    site = Site(library, tmp_path / "index", "--model", str(model), "--no-watch")
    try:
        site.wait_until_indexed(photos.TWINS)
        yield site
    finally:
        site.stop()


@pytest.fixture(autouse=True)
def no_marks(site: Site) -> Iterator[None]:
    """The shared library has no marks of another test, and is left without."""
    marked = site.index / "marked.txt"
    marked.unlink(missing_ok=True)
    yield
    marked.unlink(missing_ok=True)


def test_identical_files_come_first_then_the_same_picture(page: Page) -> None:
    page.goto("?view=duplicates")
    expect(tabs(page).locator("[aria-current]")).to_have_text(re.compile(r"^Identical 1 · \d+ kB$"))
    same = group_of(page, "the-same.jpg")
    expect(same).to_contain_text(size_text(3))
    expect(same.locator(".best")).to_contain_text("Best copy: ")
    tabs(page).get_by_role("link", name=re.compile("^Same picture 1")).click()
    expect(page).to_have_url(re.compile("kind=same"))
    smaller = group_of(page, "smaller.jpg")
    expect(smaller).to_contain_text("75% fewer pixels")
    expect(smaller.locator(".best")).to_contain_text("photo-05.jpg")
    expect(smaller.locator(".best")).to_contain_text("Best copy: has the camera’s date")


def test_what_is_only_alike_is_marked_one_by_one(page: Page) -> None:
    page.goto("?view=duplicates&kind=alike")
    expect(page.get_by_role("slider", name="Minimum similarity")).to_be_visible()
    expect(page.get_by_role("button", name="Mark all except")).to_be_hidden()
    page.get_by_role("slider", name="Minimum similarity").fill("0.97")
    expect(page).to_have_url(re.compile("min=0.97"))


def size_text(number: int) -> str:
    width_px, height_px = SIZES[number % len(SIZES)]
    return f"{width_px} × {height_px}"


def test_marks_stay_in_another_tab_and_after_a_reload(page: Page) -> None:
    page.goto("?view=duplicates")
    box = page.get_by_label("Mark the-same.jpg to be moved away")
    box.check()
    expect(page.get_by_text(re.compile("^1 photo marked"))).to_be_visible()
    expect(tabs(page).get_by_role("link", name="Marked 1")).to_be_visible()
    page.get_by_role("link", name="the-same.jpg").click()
    expect(page.get_by_role("img", name="the-same.jpg")).to_be_visible()
    page.go_back()
    expect(box).to_be_checked()
    page.reload()
    expect(box).to_be_checked()
    other = page.context.new_page()
    other.goto("?view=duplicates")
    other.get_by_label("Mark the-same.jpg to be moved away").uncheck()
    expect(other.get_by_text("Mark the photos that you do not need.")).to_be_visible()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # looked at again
    expect(box).not_to_be_checked()


def test_the_list_is_paths_a_script_and_json(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("?view=duplicates")
    page.get_by_label("Mark the-same.jpg to be moved away").check()
    page.get_by_role("link", name="Show the list").click()
    expect(page.get_by_text(COPY)).to_be_visible()
    page.get_by_role("button", name="Copy paths").click()
    expect(page.get_by_text("1 path copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"{COPY}\n"
    found = {}
    for name in ("Paths", "Script of moves", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        found[download.value.suggested_filename] = download.value.path().read_text()
    assert found["marked.txt"] == f"{COPY}\n"
    assert f"mv -n -- './{COPY}' 'lookalike-moved/{COPY}'" in found["move-marked.sh"]
    assert [item["path"] for item in json.loads(found["marked.json"])["items"]] == [COPY]
    page.get_by_role("button", name="Take the-same.jpg off the list").click()
    expect(page.get_by_role("button", name="Take the-same.jpg off the list")).to_have_count(0)
    expect(page.get_by_role("heading", name="No photo is marked")).to_be_visible()
    expect(tabs(page).get_by_role("link", name="Marked 0")).to_be_visible()


def test_nothing_is_said_of_what_has_not_come_yet(page: Page) -> None:
    held = hold(page, "**/api/duplicates?*")
    for kind in ("identical", "marked"):
        with page.expect_request("**/api/duplicates?kind=alike*"):
            page.goto(f"?view=duplicates&kind={kind}")
        expect(page.get_by_role("main")).to_contain_text("Loading…")
        expect(page.locator(".empty")).to_have_count(0)
    for route in held[-3:]:
        route.continue_()
    expect(page.get_by_role("heading", name="No photo is marked")).to_be_visible()


def test_all_but_the_best_can_be_marked_at_once(page: Page) -> None:
    page.goto("?view=duplicates&kind=same")
    page.get_by_role("button", name="Mark all except the best copy").click()
    expect(page.get_by_text(re.compile("^1 photo marked"))).to_be_visible()
    expect(page.get_by_label("Mark smaller.jpg to be moved away")).to_be_checked()
    expect(page.get_by_label("Mark photo-05.jpg to be moved away")).not_to_be_checked()


def test_two_photos_are_compared_in_three_ways(page: Page) -> None:
    page.goto("?view=duplicates&kind=same")
    page.get_by_role("button", name="Compare").click()
    dialog = page.get_by_role("dialog", name="Compare")
    expect(dialog.get_by_role("img", name="smaller.jpg")).to_be_visible()
    row = dialog.get_by_role("row", name=re.compile("^Dimensions"))
    expect(row).to_have_class("differs")
    expect(row).to_contain_text("400 × 600 pixels")
    expect(row).to_contain_text("200 × 300 pixels")
    dialog.get_by_role("button", name="Slider").click()
    dialog.get_by_role("slider").fill("20")
    cut = "getComputedStyle(document.querySelector('.pair img + img')).clipPath"
    wait_until(page, f"{cut}.includes('20%')")
    dialog.get_by_role("button", name="Flicker").click()
    expect(dialog.locator(".pair.other")).to_be_visible()
    expect(dialog.get_by_role("button", name="Flicker")).to_be_focused()
    dialog.get_by_label("Mark smaller.jpg to be moved away").check()
    page.keyboard.press("Escape")
    expect(page.get_by_text(re.compile("^1 photo marked"))).to_be_visible()


def test_a_dismissed_group_stays_away_until_it_is_taken_back(own_site: Site, page: Page) -> None:
    page.goto(f"{own_site.url}?view=duplicates")
    twins = group_of(page, "the-same.png")
    expect(twins).to_be_visible()
    before = own_site.get("api/duplicates?kind=identical") | {"pending": True}
    asked = re.compile(r"/api/duplicates\?kind=identical")
    page.route(asked, lambda route: route.fulfill(json=before))  # while the device compares
    twins.get_by_role("button", name="Not duplicates").click()
    expect(page.get_by_text("Remembered. This group will not be shown again.")).to_be_visible()
    expect(twins).to_have_count(0)
    page.unroute(asked)
    page.reload()
    expect(page.get_by_role("heading", name="No identical files")).to_be_visible()
    tabs(page).get_by_role("link", name="Not duplicates").click()
    dismissed = page.get_by_role("region", name="the-same.png")
    expect(dismissed).to_contain_text("twin.png")
    dismissed.get_by_role("button", name="They are duplicates").click()
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    tabs(page).get_by_role("link", name=re.compile("^Identical")).click()
    expect(twins).to_be_visible()
    assert sorted(path.name for path in own_site.library.iterdir()) == photos.TWIN_NAMES
