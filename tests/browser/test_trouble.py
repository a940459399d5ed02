"""What goes wrong is said, and nothing else breaks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import photos
from tests.browser.conftest import Console
from tools.testing.looks import expect_thumbnails, expect_view, hold, names, tile
from tools.testing.site import Site


def test_thumbnails_that_fail_show_their_names_instead(page: Page, console: Console) -> None:
    console.expect("500|ERR_FAILED")
    page.route("**/thumbs/*", lambda route: route.fulfill(status=500, body=""))
    page.goto("?sort=name")
    broken = page.locator(".tile.broken").filter(has_text="photo-02.jpg")
    expect(broken).to_be_visible()
    page.unroute("**/thumbs/*")
    expect_thumbnails(page)  # tried once more by themselves
    tile(page, "photo-02.jpg").click()
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


def test_a_photo_that_is_left_before_it_came_is_shown_nowhere(page: Page, site: Site) -> None:
    number = site.id_of("photo-05.jpg")
    held = hold(page, f"**/api/images/{number}")
    with page.expect_request(f"**/api/images/{number}") as asked:
        page.goto(f"?view=similar&id={number}&zoom=1")
    with page.expect_event("requestfailed", lambda request: request == asked.value):
        page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="All photos")).to_be_visible()
    assert len(held) == 1
    expect_thumbnails(page)
    expect(page).to_have_title(re.compile("^All photos"))
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_zoom_that_is_closed_before_it_opened_stays_closed(page: Page, site: Site) -> None:
    held = hold(page, "**/photo/zoom.js")
    page.goto("?sort=name")
    tile(page, "photo-05.jpg").click()
    expect_view(page, "similar")
    expect_thumbnails(page)
    with page.expect_request("**/photo/zoom.js"):
        page.keyboard.press("z")
    page.go_back()
    expect(page).not_to_have_url(re.compile("zoom"))
    held[0].continue_()
    page.evaluate("address => import(address)", f"{site.url}js/photo/zoom.js")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("z")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_an_edited_search_does_not_write_over_the_address_of_what_comes_next(
    page: Page, site: Site
) -> None:
    page.clock.install()
    held = hold(page, "**/views/photo.js")
    page.goto(f"?view=search&like={site.id_of('photo-05.jpg')},{site.id_of('photo-06.jpg')}")
    expect_thumbnails(page)
    page.locator(".query .flip").first.click()
    page.locator(".tile a").nth(2).click()
    expect(page).to_have_url(re.compile("view=similar"))
    page.clock.run_for(1000)
    expect(page).to_have_url(re.compile("view=similar"))
    for route in held:
        route.continue_()
    expect_view(page, "similar")
    expect(page).to_have_url(re.compile("view=similar"))


def test_a_photo_that_failed_does_not_stay_under_the_address_of_another(
    page: Page, site: Site, console: Console
) -> None:
    console.expect("404")
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}")
    expect_thumbnails(page)
    page.evaluate(
        """() => {
            history.pushState({ key: 'gone', depth: 1 }, '', '?view=similar&id=999999');
            dispatchEvent(new PopStateEvent('popstate'));
        }"""
    )
    expect(page.get_by_role("heading", name="This photo is no longer")).to_be_visible()
    page.keyboard.press("z")  # there is nothing to zoom
    expect(page).not_to_have_url(re.compile("zoom"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="All photos")).to_be_visible()


def test_what_is_unfolded_late_does_not_come_into_another_search(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-25.jpg')}")
    expect_thumbnails(page)
    page.get_by_role("button", name="Refine").click()
    held = hold(page, re.compile(r"similar\?.*k=200"))
    with page.expect_request(re.compile("k=200")):
        page.get_by_role("button", name="1 near-duplicate: show").first.click()
    page.get_by_label("Group near-duplicates").uncheck()
    expect(page.locator(".stack")).to_have_count(0)
    expect_thumbnails(page)
    shown = names(page)
    assert held
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("?view=toString", "Folders"),
        ("?from=yesterday", "That did not work"),
        ("?view=duplicates&kind=other", "Duplicates"),
    ],
)
def test_an_address_typed_by_hand_shows_something(
    page: Page, console: Console, address: str, said: str
) -> None:
    console.expect("400")
    page.goto(address)
    expect(page.get_by_role("heading", name=said, exact=True)).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert "duplicates." not in page.get_by_role("main").inner_text()


def test_photos_of_another_filter_are_not_shown_when_it_fails(page: Page, console: Console) -> None:
    console.expect("500")
    page.goto("?sort=name")
    expect_thumbnails(page)
    page.route("**/api/images?*", lambda route: route.fulfill(status=500, json={}))
    page.get_by_label("Sort").select_option("-name")
    expect(page.get_by_role("alert")).to_contain_text("status 500")
    expect(page.locator(".tile")).to_have_count(0)
    page.unroute("**/api/images?*")
    page.get_by_role("button", name="Try again").click()
    expect_thumbnails(page)


def test_more_files_asked_for_twice_come_once(page: Page) -> None:
    def answer(route: Route) -> None:
        asked = re.search(r"cursor=(\d)", route.request.url)
        part = int(asked[1]) if asked else 0
        paths = [f"{part}-{n}.jpg" for n in range(50)]
        items = [{"path": path, "bytes": 1, "reason": "not an image"} for path in paths]
        after = str(part + 1) if part < 2 else None
        route.fulfill(json={"items": items, "next": after, "total": 150, "groups": []})

    page.route("**/api/rejected*", answer)
    page.goto("?view=status")
    expect(page.get_by_role("cell", name="0-49.jpg")).to_be_visible()
    page.get_by_role("button", name="Show more").dblclick()
    expect(page.get_by_role("cell", name="1-49.jpg")).to_be_visible()
    rows = page.locator("tbody td:first-child .name")
    expect(rows.first).to_have_text("0-0.jpg")
    assert len(set(rows.all_inner_texts())) == rows.count()


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
