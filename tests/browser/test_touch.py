"""Fingers on a photo: what is seen while they move, and where each gesture leads."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import fingers
from tools.testing.looks import expect_thumbnails, tile, wait_until
from tools.testing.site import Site

SIZES = ((390, 844), (320, 568), (820, 1180), (844, 390))


def open_second(phone: Page) -> None:
    """From the gallery into the second photo by name, with its neighbours known."""
    phone.goto("?sort=name&format=JPEG")
    tile(phone, "photo-01.jpg").tap()
    expect(phone.locator(".frame.loaded")).to_be_visible()
    expect(phone.get_by_text(re.compile(r"^2 of \d+$"))).to_be_visible()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", ["photo-05.jpg", "photo-06.jpg"], ids=["tall", "wide"])
def test_the_first_match_is_in_sight_at_once(
    phone: Page, site: Site, size: tuple[int, int], name: str
) -> None:
    phone.set_viewport_size({"width": size[0], "height": size[1]})
    phone.goto(f"?view=similar&id={site.id_of(name)}")
    expect_thumbnails(phone)
    match = phone.locator(".tile").first.bounding_box()
    dock = phone.locator(".dock").bounding_box()
    assert match and dock
    beside = match["x"] >= dock["x"] + dock["width"]
    foot = size[1] if beside else min(size[1], dock["y"])
    print(f"{size}: the first match begins at {match['y']:.0f}")
    assert match["y"] + 0.75 * match["height"] <= foot
    for label in ("Search a region", "Zoom", "Download", "More like this"):
        tool = phone.locator(".dock .action", has_text=label)
        expect(tool).to_be_in_viewport(ratio=1)


def test_the_next_photo_is_seen_while_a_finger_turns_the_page(phone: Page) -> None:
    open_second(phone)
    client = phone.context.new_cdp_session(phone)

    def send(kind: str, x: float | None) -> None:
        points = [] if x is None else [{"x": x, "y": 250}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", 300)
    for x in (280, 240, 200):
        send("touchMove", x)
    beside = phone.locator(".beside.after img")
    expect(beside).to_be_visible()
    box = beside.bounding_box()
    assert box
    assert 0 < box["x"] < 390
    send("touchMove", 290)
    send("touchEnd", None)  # not far enough: it stays
    expect(phone.locator(".beside")).to_have_count(0)
    expect(phone.get_by_role("img", name="photo-01.jpg")).to_be_visible()


def test_pulling_the_photo_down_closes_it(phone: Page) -> None:
    open_second(phone)
    fingers.drag(phone, ((200, 150), (205, 420)))
    expect(phone.get_by_role("heading", name="All photos")).to_be_visible()


def test_pushing_the_page_up_scrolls_to_the_matches(phone: Page) -> None:
    open_second(phone)
    fingers.drag(phone, ((200, 250), (205, 60)))
    wait_until(phone, "scrollY > 50")
    expect(phone.get_by_role("img", name="photo-01.jpg")).to_be_attached()


def zoomed_px(phone: Page) -> float:
    box = phone.get_by_role("dialog").get_by_role("img").bounding_box()
    assert box
    return box["width"]


def test_a_pinch_on_the_photo_zooms_it_and_not_the_page(phone: Page) -> None:
    open_second(phone)
    fingers.drag(phone, ((180, 200), (110, 200)), ((210, 200), (280, 200)))
    expect(phone.get_by_role("dialog").get_by_role("img")).to_be_visible()
    assert zoomed_px(phone) > 2 * 390
    assert phone.evaluate("visualViewport.scale") == 1


def test_a_double_tap_zooms_in_and_out(phone: Page) -> None:
    open_second(phone)
    fingers.double_tap(phone, (195, 200))
    expect(phone.get_by_role("dialog")).to_be_visible()
    wait_until(phone, "document.querySelector('.zoom img').getBoundingClientRect().width > 800")
    fingers.double_tap(phone, (195, 420))
    wait_until(phone, "document.querySelector('.zoom img').getBoundingClientRect().width === 390")


def test_a_double_tap_on_a_tile_only_opens_its_photo(phone: Page) -> None:
    phone.goto("?sort=name&format=JPEG")
    expect_thumbnails(phone)
    phone.evaluate(
        "import(new URL('js/photo/fingers.js', document.baseURI))"
    )  # as soon as it is idle
    box = tile(phone, "photo-01.jpg").bounding_box()
    assert box
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    frame = phone.locator(".frame.loaded")
    fingers.double_tap(phone, at, between=lambda: expect(frame).to_be_visible())
    under = phone.evaluate("at => Boolean(document.elementFromPoint(...at).closest('.frame'))", at)
    assert under  # it was on the photo that the second one came down
    assert "zoom" not in phone.url
    fingers.double_tap(phone, at)
    expect(phone.get_by_role("dialog")).to_be_visible()


def test_zoom_goes_on_to_the_next_photo_by_a_swipe(phone: Page) -> None:
    open_second(phone)
    phone.get_by_role("button", name="Zoom").tap()
    dialog = phone.get_by_role("dialog")
    expect(dialog.get_by_role("img", name="photo-01.jpg")).to_be_visible()
    fingers.drag(phone, ((300, 420), (120, 425)))
    expect(dialog.get_by_role("img", name="photo-02.jpg")).to_be_visible()
    phone.go_back()
    expect(dialog).to_have_count(0)
    expect(phone.get_by_text(re.compile(r"^2 of \d+$"))).to_be_visible()  # that which was opened
    fingers.drag(phone, ((200, 150), (205, 420)))
    expect(phone.get_by_role("heading", name="All photos")).to_be_visible()


def test_the_original_is_fetched_only_once_it_is_needed(phone: Page, site: Site) -> None:
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(request.url))
    phone.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}&zoom=1")
    picture = phone.get_by_role("dialog").get_by_role("img")
    expect(picture).to_have_attribute("src", re.compile("previews/"))
    assert not [url for url in asked if "/originals/" in url]
    phone.get_by_role("button", name="Zoom in").tap()
    expect(picture).to_have_attribute("src", re.compile("originals/"))


def test_details_are_pulled_up_and_pushed_down(phone: Page) -> None:
    open_second(phone)
    details = phone.locator("details")
    bar = phone.locator(".dock summary").bounding_box()
    assert bar
    y = bar["y"] + bar["height"] / 2
    fingers.drag(phone, ((200, y), (200, y - 120)))
    expect(details.get_by_text("Dimensions")).to_be_visible()
    top = phone.locator(".dock summary").bounding_box()
    assert top
    fingers.drag(phone, ((200, top["y"] + 20), (200, top["y"] + 140)))
    expect(details.get_by_text("Dimensions")).to_be_hidden()


def test_a_region_stays_large_enough_for_a_finger(phone: Page, site: Site) -> None:
    phone.goto(f"?view=similar&id={site.id_of('two-in-one.png')}&box=0.2,0.2,0.6,0.6")
    expect_thumbnails(phone)
    region = phone.get_by_role("group", name=re.compile("^Region"))
    box = region.bounding_box()
    assert box
    corner = (box["x"] + box["width"], box["y"] + box["height"])
    fingers.drag(phone, (corner, (box["x"] + 3, box["y"] + 3)))
    small = region.bounding_box()
    assert small
    assert min(small["width"], small["height"]) >= 55


def test_a_mouse_can_leave_a_region_by_escape(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('two-in-one.png')}")
    expect_thumbnails(page)
    box = page.locator(".frame").bounding_box()
    assert box
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 200, steps=4)
    page.mouse.up()
    region = page.get_by_role("group", name=re.compile("^Region"))
    expect(region).to_be_visible()
    page.keyboard.press("Escape")
    expect(region).to_be_hidden()
    expect(page.get_by_role("img", name="two-in-one.png")).to_be_visible()
