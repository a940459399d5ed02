"""Photos one after the other, of any list, or drifting from one to the next like it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Console
from tools.testing.looks import expect_thumbnails, names, wait_until
from tools.testing.site import Site


def test_it_shows_the_gallerys_photos_in_order(page: Page) -> None:
    page.goto("?sort=name&format=JPEG")
    expect_thumbnails(page)
    page.get_by_role("link", name="Slideshow").click()
    slide = page.locator(".slides img.on").last
    expect(slide).to_have_attribute("alt", "photo-00.jpg")
    page.keyboard.press("ArrowRight")
    expect(slide).to_have_attribute("alt", "photo-01.jpg")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(slide).to_have_attribute("alt", "the-same.jpg")  # it goes round
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name="All photos")).to_be_visible()


def test_it_goes_on_by_itself_until_it_is_paused(page: Page) -> None:
    page.clock.install()
    page.goto("?view=frame&sort=name&format=JPEG&s=3600")
    slide = page.locator(".slides img.on").last
    for number in range(3):
        expect(slide).to_have_attribute("alt", f"photo-{number:02}.jpg")
        page.clock.fast_forward("01:00:00")
    expect(slide).to_have_attribute("alt", "photo-03.jpg")
    page.get_by_role("button", name="Pause").click()
    page.clock.fast_forward("02:00:00")
    page.get_by_role("button", name="Play").click()
    page.clock.fast_forward("01:00:00")
    expect(slide).to_have_attribute("alt", "photo-04.jpg")


def test_a_photos_matches_are_shown_from_the_most_similar_on(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}")
    expect_thumbnails(page)
    best = names(page)[0]
    page.get_by_role("link", name="Slideshow").click()
    slide = page.locator(".slides img.on").last
    expect(slide).to_have_attribute("alt", "photo-05.jpg")
    page.keyboard.press("ArrowRight")
    expect(slide).to_have_attribute("alt", best)


def test_a_drift_follows_the_similar_ones_and_repeats_none(page: Page, site: Site) -> None:
    start = site.id_of("photo-05.jpg")
    page.goto(f"?view=frame&drift=1&id={start}")
    slide = page.locator(".slides img.on").last
    seen = [start]
    expect(slide).to_have_attribute("alt", "photo-05.jpg")
    page.keyboard.press(" ")
    for _ in range(5):
        ranking = site.get(f"api/images/{seen[-1]}/similar?k=20&collapse=1")["items"]
        expected = next(item for item in ranking if item["id"] not in seen)
        page.keyboard.press("ArrowRight")
        expect(slide).to_have_attribute("alt", expected["name"])
        seen.append(expected["id"])
    expect(page).to_have_url(re.compile(f"id={seen[-1]}"))
    assert len(set(seen)) == 6


def test_the_screen_is_kept_on(page: Page) -> None:
    page.add_init_script(
        """window.locks = []; Object.defineProperty(navigator, 'wakeLock', {value: {
            request: async (kind) => (locks.push(kind), {release: () => locks.pop()})}});"""
    )
    page.goto("?sort=name")
    expect_thumbnails(page)
    page.get_by_role("link", name="Slideshow").click()
    wait_until(page, "window.locks.join() === 'screen'")
    page.keyboard.press("Escape")
    wait_until(page, "window.locks.length === 0")


def test_without_photos_it_says_so(page: Page) -> None:
    page.goto("?view=frame&from=1990-01-01&to=1990-12-31")
    expect(page.get_by_text("There are no photos to show here.")).to_be_visible()


def test_a_frame_begins_with_the_first_photo_that_comes(page: Page) -> None:
    page.clock.install()
    empty = {"total": 0, "ids": [], "ratios": [], "days": [], "folders": []}
    page.route("**/api/layout?*", lambda route: route.fulfill(json=empty), times=1)
    page.goto("?view=frame&sort=name&format=JPEG&s=3600")
    expect(page.get_by_text("There are no photos to show here.")).to_be_visible()
    page.clock.fast_forward("01:00:00")
    expect(page.locator(".slides img.on").last).to_have_attribute("alt", "photo-00.jpg")


def test_a_drift_goes_on_when_the_photo_on_show_is_deleted(page: Page, console: Console) -> None:
    console.expect("404.*/similar")
    page.goto("?view=frame&sort=name&format=JPEG&drift=1")
    slides = page.locator(".slides img.on")
    expect(slides.last).to_have_attribute("alt", "photo-00.jpg")
    page.keyboard.press(" ")
    gone = {"error": {"code": "not_found", "message": "it is gone"}}
    page.route(
        re.compile(r"/similar\?"), lambda route: route.fulfill(status=404, json=gone), times=1
    )
    page.keyboard.press("ArrowRight")
    expect(slides.last).not_to_have_attribute("alt", "photo-00.jpg")


def test_only_a_folder_is_shown(page: Page) -> None:
    page.goto("?view=frame&folder=copies&sort=name")
    slide = page.locator(".slides img.on").last
    expect(slide).to_have_attribute("alt", "smaller.jpg")
    page.keyboard.press("ArrowRight")
    expect(slide).to_have_attribute("alt", "the-same.jpg")
