"""What goes wrong is said, and nothing else breaks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from playwright.sync_api import Page, Route, expect

from tests.browser import photos
from tests.browser.conftest import Console
from tools.testing.looks import expect_thumbnails, tile
from tools.testing.site import Site


def test_thumbnails_that_fail_show_their_names_instead(page: Page, console: Console) -> None:
    console.expect("500|ERR_FAILED")
    page.route("**/thumbs/*", lambda route: route.fulfill(status=500, body=""))
    page.goto("?sort=name")
    broken = page.locator(".tile.broken").filter(has_text="photo-02.jpg")
    expect(broken).to_be_visible()
    page.unroute("**/thumbs/*")
    broken.locator("a").click()
    expect(page.get_by_role("img", name="photo-02.jpg")).to_be_visible()


def test_an_image_that_vanishes_after_listing_is_said_to_be_gone(
    page: Page, site: Site, console: Console
) -> None:
    console.expect("404")
    number = site.id_of("photo-02.jpg")
    page.goto("?sort=name")
    expect_thumbnails(page)
    gone = {"error": {"code": "not_found", "message": "there is no such image"}}
    page.route(re.compile(rf"images/{number}/similar"), lambda r: r.fulfill(status=404, json=gone))
    page.route(
        re.compile(rf"(originals|previews)/{number}"), lambda r: r.fulfill(status=404, json=gone)
    )
    tile(page, "photo-02.jpg").click()
    expect(page.get_by_role("alert")).to_contain_text("there is no such image")
    expect(page.get_by_text("The photo could not be loaded")).to_be_visible()


def test_the_page_survives_a_restart_of_the_server(
    page: Page, site: Site, console: Console
) -> None:
    console.expect("ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET")
    page.clock.install()
    page.goto("?sort=name")
    expect_thumbnails(page)
    site.stop()
    try:
        tile(page, "photo-02.jpg").click()
        expect(page.get_by_text("The gallery’s server is not answering.")).to_be_visible()
        expect(page.get_by_text(re.compile("Trying again in|Trying…"))).to_be_visible()
        page.clock.pause_at(datetime.now() + timedelta(minutes=1))  # else it comes back by itself
    finally:
        site.start()
    page.get_by_role("button", name="Try now").click()
    page.clock.resume()
    expect(page.get_by_text("The gallery’s server is not answering.")).to_be_hidden()
    expect_thumbnails(page)
    expect(page.get_by_role("img", name="photo-02.jpg")).to_be_visible()


def test_a_slow_network_shows_the_grid_before_its_thumbnails(page: Page) -> None:
    under_way: list[Route] = []
    page.route("**/thumbs/*", lambda route: under_way.append(route))
    page.goto("?sort=name")
    expect(tile(page, "photo-02.jpg")).to_be_visible()
    before = tile(page, "photo-02.jpg").bounding_box()
    expect(page.locator(".tile.loaded")).to_have_count(0)
    for route in under_way:
        route.continue_()
    page.unroute("**/thumbs/*")
    expect_thumbnails(page)
    assert tile(page, "photo-02.jpg").bounding_box() == before


def test_hostile_file_names_are_text(page: Page, site: Site) -> None:
    page.goto("?sort=name")
    for name in photos.HOSTILE:
        assert page.title() != "owned"
        page.goto(f"?view=similar&id={site.id_of(name)}")
        expect(page.get_by_role("img", name=name, exact=True)).to_be_visible()
        summary = page.locator("summary .name")
        assert summary.text_content() == name
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.title() != "owned"


def test_a_failed_search_can_be_tried_again(page: Page, site: Site, console: Console) -> None:
    console.expect("503")
    busy = {"error": {"code": "busy", "message": "too many searches at once"}}
    page.route("**/similar*", lambda route: route.fulfill(status=503, json=busy))
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}")
    expect(page.get_by_role("alert")).to_contain_text("too many searches at once")
    page.unroute("**/similar*")
    page.get_by_role("button", name="Try again").click()
    expect_thumbnails(page)
