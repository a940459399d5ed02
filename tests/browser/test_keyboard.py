"""Everything by keyboard, with a sheet that tells the keys."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tools.testing.looks import expect_thumbnails, tile


def test_arrows_walk_through_the_grid_and_enter_opens(page: Page) -> None:
    page.goto("?sort=name&format=JPEG")
    expect_thumbnails(page)
    tile(page, "photo-00.jpg").focus()
    page.keyboard.press("ArrowRight")
    expect(tile(page, "photo-01.jpg")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    expect(tile(page, "the-same.jpg")).to_be_focused()
    expect(tile(page, "the-same.jpg")).to_be_in_viewport()
    page.keyboard.press("Home")
    expect(tile(page, "photo-00.jpg")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="photo-00.jpg")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="All photos")).to_be_visible()


def test_the_grid_is_one_stop_of_the_tab_key(page: Page) -> None:
    page.goto("?sort=name")
    expect_thumbnails(page)
    page.get_by_label("Sort").focus()
    page.keyboard.press("Tab")
    expect(page.locator(".tile a").first).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".tile a:focus, .tile button:focus")).to_have_count(0)


def test_question_mark_shows_the_keys(page: Page) -> None:
    page.goto("")
    page.get_by_role("link", name="Library").click()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_contain_text("Search a region")
    sheet.get_by_role("heading", name="On a photo").click()  # where nothing takes the keyboard
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("?")
    expect(page).to_have_url(re.compile("view=status$"))  # Escape closed the sheet and no more


def test_single_keys_lead_everywhere(page: Page) -> None:
    page.goto("")
    expect_thumbnails(page)
    for key, url in (("u", "view=upload"), ("d", "view=duplicates"), ("t", "view=status")):
        page.keyboard.press(key)
        expect(page).to_have_url(re.compile(url))
        expect(page.locator("body")).to_have_attribute("data-view", url.removeprefix("view="))
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="All photos")).to_be_visible()
    page.keyboard.press("d")
    page.keyboard.press("g")
    expect(page).not_to_have_url(re.compile("view"))
    page.keyboard.press("f")
    expect(page.get_by_role("dialog", name="Filter")).to_be_visible()


def test_what_has_the_keyboard_is_outlined(page: Page) -> None:
    page.goto("?sort=name")
    expect_thumbnails(page)
    for _ in range(14):
        page.keyboard.press("Tab")
        name, style, width = page.evaluate(
            """() => {
                const focused = document.activeElement;
                const { outlineStyle, outlineWidth } = getComputedStyle(focused);
                return [focused.outerHTML.slice(0, 60), outlineStyle, outlineWidth];
            }"""
        )
        assert (style, width) in (("solid", "3px"), ("solid", "4px")), name
        if name.startswith("<a href"):
            return  # in the grid: the last stop
    raise AssertionError("14 stops, and none was the grid")


def test_who_asked_for_less_motion_gets_none(page: Page) -> None:
    def seconds() -> str:
        found: str = page.evaluate(
            "getComputedStyle(document.querySelector('.tile img')).transitionDuration"
        )
        return found

    page.goto("")
    expect_thumbnails(page)
    assert seconds() == "0s"  # every test asks for it
    page.emulate_media(reduced_motion="no-preference")
    assert seconds() == "0.18s"


def test_three_keys_lead_to_the_photos(page: Page) -> None:
    page.goto("")
    expect_thumbnails(page)
    for key in ("Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(page.locator('.tile[aria-posinset="1"] a')).to_be_focused()


def test_the_skip_link_comes_first(page: Page) -> None:
    page.goto("")
    expect_thumbnails(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
