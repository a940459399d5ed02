"""Finding one's way: folders as a place, the section that is marked, what a click will do."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser import photos
from tests.browser.conftest import Console, open_page
from tools.testing.browsers import DESK
from tools.testing.looks import expect_thumbnails, expect_view, tile
from tools.testing.site import Site

IN_SPRING = [n for n in range(photos.PLAIN) if photos.folder_of(n) == "2020/spring"]


def test_the_tree_leads_into_a_folder_and_the_heading_out_of_it(page: Page) -> None:
    page.goto("")
    page.get_by_role("link", name="Folders", exact=True).click()
    tree = page.get_by_role("navigation", name="Folders")
    tree.get_by_role("link", name=re.compile("^2020")).click()
    expect(page).to_have_url(re.compile(r"\?folder=2020$"))
    tree.get_by_role("link", name=re.compile("^spring")).click()
    expect(page.locator(".tile")).to_have_count(len(IN_SPRING))
    expect(tree.locator("[aria-current]")).to_contain_text("spring")
    page.get_by_role("heading", level=1).get_by_role("link", name="2020").click()
    expect(page).to_have_url(re.compile(r"\?folder=2020$"))
    expect(page.get_by_role("main").get_by_role("status").first).not_to_be_empty()


def test_a_phone_goes_down_by_chips(phone: Page) -> None:
    phone.goto("?view=folders")
    below = phone.get_by_role("navigation", name="Folders")
    below.get_by_role("link", name=re.compile("^2020")).tap()
    below.get_by_role("link", name=re.compile("^spring")).tap()
    expect(phone.locator(".tile")).to_have_count(len(IN_SPRING))
    tile(phone, photos.name_of(IN_SPRING[0])).tap()
    expect_thumbnails(phone)
    phone.get_by_role("link", name="Back to the gallery").tap()
    expect(phone).to_have_url(re.compile(r"\?folder=2020%2Fspring$"))


def test_clearing_the_filters_stays_in_the_folder(page: Page) -> None:
    page.goto("?folder=2020%2Fspring&orientation=portrait")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("button", name="Clear all").click()
    expect(page).to_have_url(re.compile(r"\?folder=2020%2Fspring$"))


def test_a_date_is_not_lost_when_the_sheet_is_closed_at_once(page: Page) -> None:
    page.goto("?sort=name")
    expect_thumbnails(page)
    page.clock.install()  # nobody waits until typing has ended
    page.keyboard.press("f")
    page.get_by_label("From").fill("2021-01-01")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("from=2021-01-01"))


def test_the_present_section_is_marked(page: Page) -> None:
    marked = page.get_by_role("navigation", name="Main").locator("[aria-current=page]")
    for url, name in (
        ("", "Photos"),
        ("?view=folders", "Folders"),
        ("?folder=copies", "Folders"),
        ("?view=duplicates", "Duplicates"),
        ("?view=status", "Library"),
    ):
        page.goto(url)
        expect(marked).to_have_text(name)


def test_a_first_visit_is_told_once_what_a_click_does(
    browser: Browser, site: Site, console: Console
) -> None:
    context = open_page(browser, site.url, console, first_visit=True, **DESK)
    page = context.new_page()
    hint = page.get_by_text("Click a photo to see the photos that look like it.")
    page.goto("")
    expect(hint).to_be_visible()
    page.get_by_role("button", name="Got it").click()
    expect(hint).to_have_count(0)
    page.reload()
    expect_thumbnails(page)
    expect(hint).to_have_count(0)
    context.close()


def test_a_mouse_over_a_photo_is_told_what_a_click_finds(page: Page) -> None:
    page.goto("?sort=name")
    for name in ("photo-02.jpg", "photo-03.jpg"):
        tile(page, name).hover()
        expect(tile(page, name).get_by_text("Find similar")).to_be_visible()
    expect(page.locator(".tile .similar")).to_have_count(1)


def test_a_photo_grows_out_of_its_tile_unless_less_motion_is_asked_for(page: Page) -> None:
    page.add_init_script(
        """window.grown = 0; const start = Document.prototype.startViewTransition;
        Document.prototype.startViewTransition = function (change) {
            window.grown += 1; return start.call(this, change); };"""
    )
    page.goto("?sort=name")
    expect_thumbnails(page)
    tile(page, "photo-02.jpg").click()
    expect_view(page, "similar")
    expect_thumbnails(page)
    assert page.evaluate("window.grown") == 0
    page.keyboard.press("Escape")
    expect_view(page, "gallery")
    expect_thumbnails(page)
    page.emulate_media(reduced_motion="no-preference")
    tile(page, "photo-02.jpg").click()
    expect(page.get_by_role("img", name="photo-02.jpg")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="All photos")).to_be_visible()
    assert page.evaluate("window.grown") == 2
