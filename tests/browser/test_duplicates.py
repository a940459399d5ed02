"""Reviewing duplicates: side by side, what differs, a list of paths, groups dismissed for good."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import photos
from tools.testing.pictures import SIZES
from tools.testing.site import Site

SAME = (f"{photos.folder_of(3)}/photo-03.jpg", "copies/the-same.jpg")


def group_of(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=re.compile("^Group")).filter(has_text=name)


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


def test_groups_show_what_differs(page: Page) -> None:
    page.goto("?view=duplicates")
    same = group_of(page, "the-same.jpg")
    expect(same.get_by_text("Same file content").first).to_be_visible()
    expect(same).to_contain_text(size_text(3))
    page.get_by_role("slider", name="Minimum similarity").fill("0.97")
    expect(page).to_have_url(re.compile("min=0.97"))
    smaller = group_of(page, "smaller.jpg")
    expect(smaller.get_by_text("Same picture")).to_be_visible()
    expect(smaller).to_contain_text("75% fewer pixels")
    expect(smaller.locator(".best")).to_contain_text("photo-05.jpg")


def test_without_groups_it_says_what_to_do_as_long_as_that_helps(page: Page) -> None:
    nothing = {"groups": [], "pending": False, "min_score": 0.97}
    page.route("**/api/duplicates*", lambda route: route.fulfill(json=nothing))
    page.goto("?view=duplicates")
    # The score is the device's until somebody chooses one.
    expect(page.get_by_role("slider", name="Minimum similarity")).to_have_value("0.97")
    expect(page.get_by_text("Lower the minimum similarity")).to_be_visible()
    page.get_by_role("slider", name="Minimum similarity").fill("0.8")
    expect(page).to_have_url(re.compile("min=0.8$"))
    expect(page.get_by_role("heading", name="No duplicates")).to_be_visible()
    expect(page.get_by_text("Lower the minimum similarity")).to_have_count(0)


def size_text(number: int) -> str:
    width_px, height_px = SIZES[number % len(SIZES)]
    return f"{width_px} × {height_px}"


def test_the_list_of_paths_can_be_copied_and_downloaded(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("?view=duplicates")
    expect(page.get_by_text("Select the photos that you do not need.")).to_be_visible()
    page.get_by_label("Put the-same.jpg on the list").check()
    expect(page.get_by_text(re.compile("^1 photo on the list"))).to_be_visible()
    page.get_by_role("button", name="Copy list").click()
    expect(page.get_by_text("1 path copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "copies/the-same.jpg\n"
    with page.expect_download() as download:
        page.get_by_role("button", name="Download list").click()
    assert download.value.suggested_filename == "duplicates.txt"
    assert download.value.path().read_text() == "copies/the-same.jpg\n"


def test_all_but_the_best_can_be_put_on_the_list_at_once(page: Page) -> None:
    page.goto("?view=duplicates")
    page.get_by_role("button", name="All but the best").click()
    expect(page.get_by_text(re.compile("^2 photos on the list"))).to_be_visible()
    expect(page.get_by_label("Put the-same.jpg on the list")).to_be_checked()
    expect(page.get_by_label("Put smaller.jpg on the list")).to_be_checked()


def test_a_dismissed_group_stays_away(own_site: Site, page: Page) -> None:
    page.goto(f"{own_site.url}?view=duplicates&min=0.97")
    twins = group_of(page, "the-same.png")
    twins.get_by_role("button", name="Not duplicates").click()
    expect(page.get_by_text("Dismissed. This group will not be shown again.")).to_be_visible()
    expect(twins).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="No duplicates")).to_be_visible()
    assert sorted(path.name for path in own_site.library.iterdir()) == photos.TWIN_NAMES
