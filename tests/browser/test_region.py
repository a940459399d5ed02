"""Searching a part of a photo: by mouse, by finger, by handle and by keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser import fingers
from tools.testing.looks import expect_first, expect_thumbnails
from tools.testing.site import Site

REGION = re.compile("^Region: ")


def open_both(page: Page, site: Site, more: str = "") -> FloatRect:
    """Open the photo whose left half is photo 8 and right half photo 9; where it is shown."""
    page.goto(f"?view=similar&id={site.id_of('two-in-one.png')}{more}")
    expect_thumbnails(page)
    box = page.locator(".frame").bounding_box()
    assert box
    return box


def drag(page: Page, box: FloatRect, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag between two places given in fractions of `box`."""
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=4)
    page.mouse.up()


def region(page: Page) -> Locator:
    return page.get_by_role("group", name=REGION)


def test_a_drag_searches_that_part_and_the_url_keeps_it(page: Page, site: Site) -> None:
    box = open_both(page, site)
    drag(page, box, (0.01, 0.02), (0.49, 0.98))
    expect(page.get_by_role("heading", name="Like the region")).to_be_visible()
    expect_first(page, "photo-08.jpg")
    expect(page).to_have_url(re.compile(r"box=0\.\d+%2C0\.\d+%2C0\.4\d+%2C0\.9\d+"))
    page.reload()
    expect(region(page)).to_be_visible()
    expect_first(page, "photo-08.jpg")
    page.get_by_role("button", name="Whole photo").click()
    expect(region(page)).to_be_hidden()
    expect(page).not_to_have_url(re.compile("box"))


def test_the_box_can_be_moved_and_resized_by_its_handles(page: Page, site: Site) -> None:
    box = open_both(page, site, "&box=0.01,0.02,0.45,0.9")
    drag(page, box, (0.25, 0.5), (0.79, 0.5))
    expect_first(page, "photo-09.jpg")
    drag(page, box, (0.55, 0.5), (0.75, 0.5))
    expect(region(page)).to_have_attribute("aria-label", re.compile("25% wide"))


def test_a_finger_draws_after_the_region_button(phone: Page, site: Site) -> None:
    box = open_both(phone, site)
    phone.get_by_role("button", name="Search a region").tap()
    expect(region(phone)).to_be_visible()

    def at(x: float, y: float) -> fingers.Point:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    fingers.drag(phone, (at(0.98, 0.03), at(0.52, 0.95)))
    expect_first(phone, "photo-09.jpg")
    before = phone.evaluate("scrollY")
    fingers.drag(phone, (at(0.52, 0.95), at(0.1, 0.95)))  # the corner's handle
    expect(region(phone)).to_have_attribute("aria-label", re.compile("8[5-9]% wide"))
    assert phone.evaluate("scrollY") == before


def test_the_keyboard_moves_resizes_and_removes_it(page: Page, site: Site) -> None:
    open_both(page, site)
    page.keyboard.press("r")
    expect(region(page)).to_be_focused()
    expect(region(page)).to_have_attribute("aria-label", re.compile("50% wide.* 25% from the left"))
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    expect(region(page)).to_have_attribute("aria-label", re.compile("48% wide.* 23% from the left"))
    page.keyboard.press("Escape")
    expect(region(page)).to_be_hidden()
    expect(page.get_by_role("heading", name="Most similar", exact=True)).to_be_visible()


def test_a_tiny_box_grows_to_what_the_device_searches(page: Page, site: Site) -> None:
    box = open_both(page, site)
    drag(page, box, (0.5, 0.5), (0.51, 0.52))
    expect_thumbnails(page)
    expect(page.get_by_role("heading", name="Like the region")).to_be_visible()
