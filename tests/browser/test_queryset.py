"""More like these, less like those: photos are selected, marked, searched and edited."""

from __future__ import annotations

import re
import zipfile

from playwright.sync_api import Locator, Page, expect

from tests.browser import fingers
from tests.browser.conftest import Console
from tools.testing.looks import expect_first, expect_thumbnails, names, tile
from tools.testing.site import Site


def tray(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Search by these photos")


def test_selected_photos_are_searched_together(page: Page, site: Site) -> None:
    page.goto("?sort=name")
    for name in ("photo-05.jpg", "photo-06.jpg"):
        tile(page, name).hover()
        page.get_by_role("button", name=f"Select {name}").click()
    expect(tray(page)).to_contain_text("2 selected")
    tray(page).get_by_role("button", name="Less like photo-06.jpg").click()
    tray(page).get_by_role("button", name="Find similar").click()
    more, less = site.id_of("photo-05.jpg"), site.id_of("photo-06.jpg")
    expect(page).to_have_url(re.compile(rf"view=search&like={more}&unlike={less}"))
    expect_first(page, "smaller.jpg")
    assert not {"photo-05.jpg", "photo-06.jpg"} & set(names(page))


def test_the_set_can_be_edited_beside_its_results(page: Page, site: Site) -> None:
    more, less = site.id_of("photo-05.jpg"), site.id_of("photo-06.jpg")
    page.goto(f"?view=search&like={more}&unlike={less}")
    expect_thumbnails(page)
    with page.expect_request("**/api/search") as search:
        page.get_by_role("button", name="More like photo-06.jpg").click()
    assert (search.value.post_data_json or {})["like"] == [more, less]
    expect(page).to_have_url(re.compile(rf"like={more}%2C{less}$"))
    expect(page.get_by_role("heading", name="Like these 2 photos")).to_be_visible()
    page.get_by_role("button", name="Remove photo-05.jpg from the search").click()
    expect(page).to_have_url(re.compile(rf"like={less}$"))
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("heading", name="Choose photos to search by")).to_be_visible()


def test_shift_click_selects_a_range(page: Page) -> None:
    page.goto("?sort=name")
    tile(page, "photo-02.jpg").click(modifiers=["Control"])
    tile(page, "photo-06.jpg").click(modifiers=["Shift"])
    expect(tray(page)).to_contain_text("5 selected")


def test_the_keyboard_selects_marks_and_searches(page: Page, site: Site) -> None:
    page.goto("?sort=name")
    tile(page, "photo-02.jpg").focus()
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(tray(page)).to_contain_text("3 selected")
    page.keyboard.press("-")
    expect(page.locator(".tile.less a")).to_have_attribute("title", "photo-04.jpg")
    page.keyboard.press("s")
    like = f"{site.id_of('photo-02.jpg')}%2C{site.id_of('photo-03.jpg')}"
    expect(page).to_have_url(re.compile(f"like={like}&unlike={site.id_of('photo-04.jpg')}"))


def test_a_long_press_selects_and_taps_go_on(phone: Page) -> None:
    phone.goto("?sort=name")
    first = tile(phone, "photo-02.jpg")
    expect(first).to_be_visible()
    box = first.bounding_box()
    assert box
    with fingers.held(phone, (box["x"] + 40, box["y"] + 40)):
        expect(tray(phone)).to_contain_text("1 selected")
    tile(phone, "photo-03.jpg").tap()
    expect(tray(phone)).to_contain_text("2 selected")
    tray(phone).get_by_role("button", name="Clear").tap()
    expect(tray(phone)).to_be_hidden()


def test_a_button_says_that_photos_can_be_selected_by_tapping(phone: Page) -> None:
    phone.goto("?sort=name")
    select = phone.get_by_role("button", name="Select photos")
    select.tap()
    expect(phone.get_by_text("Tap the photos to search by.")).to_be_visible()
    tile(phone, "photo-02.jpg").tap()
    expect(tray(phone)).to_contain_text("1 selected")
    expect(select).to_have_attribute("aria-pressed", "true")
    select.tap()
    expect(tray(phone)).to_contain_text("1 selected")  # until it is cleared on purpose
    tray(phone).get_by_role("button", name="Clear").tap()
    expect(tray(phone)).to_be_hidden()
    tile(phone, "photo-02.jpg").tap()
    expect(phone.get_by_role("heading", name="Most similar")).to_be_visible()


def test_escape_unselects(page: Page) -> None:
    page.goto("?sort=name")
    tile(page, "photo-02.jpg").click(modifiers=["Control"])
    expect(tray(page)).to_contain_text("1 selected")
    page.keyboard.press("Escape")
    expect(tray(page)).to_be_hidden()


def test_a_photos_own_page_adds_it(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}")
    page.get_by_role("button", name="More like this").click()
    expect(tray(page)).to_contain_text("1 selected")
    page.reload()
    expect(tray(page)).to_contain_text("1 selected")


def test_only_less_asks_for_more(page: Page) -> None:
    page.goto("?sort=name")
    tile(page, "photo-02.jpg").click(modifiers=["Control"])
    tray(page).get_by_role("button", name="Less like photo-02.jpg").click()
    tray(page).get_by_role("button", name="Find similar").click()
    expect(page.get_by_text("Mark at least one photo as “more”.")).to_be_visible()


def test_the_selection_comes_as_a_zip(page: Page, site: Site) -> None:
    page.goto("?sort=name")
    for name in ("photo-02.jpg", "photo-03.jpg"):
        tile(page, name).click(modifiers=["Control"])
    with page.expect_download() as download:
        tray(page).get_by_role("link", name="Download as a zip").click()
    assert download.value.suggested_filename == "photos.zip"
    with zipfile.ZipFile(download.value.path()) as zipped:
        assert zipped.testzip() is None
        assert {name.rpartition("/")[2] for name in zipped.namelist()} == {
            "photos.txt",
            "photo-02.jpg",
            "photo-03.jpg",
        }


def test_a_refused_download_says_why(page: Page, console: Console) -> None:
    console.expect("413")
    page.goto("?sort=name")
    tile(page, "photo-02.jpg").click(modifiers=["Control"])
    message = "3 photos have 9.0 MiB together, over the limit of 8 (--zip-size): select fewer"
    refused = {"error": {"code": "too_large", "message": message}}
    page.route("**/api/zip?*", lambda route: route.fulfill(status=413, json=refused))
    page.wait_for_load_state("networkidle")  # what follows the first view has come
    tray(page).get_by_role("link", name="Download as a zip").click()
    expect(page.get_by_text(message)).to_be_visible()


def test_where_nothing_can_be_selected_the_selection_covers_nothing(page: Page) -> None:
    page.goto("?sort=name")
    tile(page, "photo-02.jpg").click(modifiers=["Control"])
    expect(tray(page)).to_be_visible()
    for key, heading in (("d", "Duplicates"), ("t", "Library"), ("u", "Search with a photo")):
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
        expect(tray(page)).to_be_hidden()
    page.keyboard.press("g")
    expect(tray(page)).to_contain_text("1 selected")


def test_three_selected_photos_fit_the_smallest_phone(phone: Page) -> None:
    phone.set_viewport_size({"width": 320, "height": 568})
    phone.goto("?sort=name")
    expect_thumbnails(phone)
    phone.get_by_role("button", name="Select photos").tap()
    for name in ("photo-02.jpg", "photo-03.jpg", "photo-04.jpg"):
        tile(phone, name).dispatch_event("click")
    expect(tray(phone)).to_contain_text("3 selected")
    for name in ("Find similar", "Clear"):
        expect(tray(phone).get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    chips = tray(phone).locator("li")
    for number in range(3):
        expect(chips.nth(number)).to_be_in_viewport(ratio=1)
