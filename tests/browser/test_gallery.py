"""The gallery: every photo once, in order, in true proportions; sorted, filtered, found again."""

from __future__ import annotations

import re
from urllib.request import Request, urlopen

from playwright.sync_api import Page, expect

from tests.browser import photos
from tests.conftest import ROOT
from tools.testing import measures
from tools.testing.looks import (
    expect_first,
    expect_thumbnails,
    expect_view,
    names,
    tile,
    wait_until,
)
from tools.testing.pictures import SIZES
from tools.testing.site import Site

STATIC = ROOT / "static"
NEWEST = photos.name_of(photos.PLAIN - 1)


def test_newest_photos_come_first_with_their_thumbnails(page: Page) -> None:
    page.goto("")
    expect(page.get_by_text(f"{photos.IMAGES} photos")).to_be_visible()
    expect_thumbnails(page)
    assert names(page)[0] == NEWEST
    expect(page.locator(".group").first).to_have_text("2022")


def test_tiles_have_the_photos_proportions(page: Page) -> None:
    page.goto("")
    expect_thumbnails(page)
    shapes = page.evaluate(
        """() => [...document.querySelectorAll('.tile')].map(tile => {
            const box = tile.getBoundingClientRect(), image = tile.querySelector('img');
            return [box.width / box.height, image.naturalWidth / image.naturalHeight]; })"""
    )
    assert len(shapes) > 10
    for shown, true in shapes:
        assert abs(shown / true - 1) < 0.03


def test_nothing_shifts_while_thumbnails_load(page: Page) -> None:
    page.add_init_script(measures.NOTE_SHIFTS)
    page.goto("")
    expect_thumbnails(page)
    page.evaluate("document.querySelector('.tile a').click()")  # one that explains no shift
    expect(page.locator(".frame.loaded")).to_be_visible()
    expect_thumbnails(page)
    page.go_back()
    expect_view(page, "gallery")
    expect_thumbnails(page)
    assert page.evaluate("window.shifted") == []


def test_sorting_by_name_is_in_the_url(page: Page) -> None:
    page.goto("")
    page.get_by_label("Sort").select_option("Name, A to Z")
    expect(page).to_have_url(re.compile(r"\?sort=name$"))
    expect_first(page, photos.HOSTILE[0])
    shown = [name for name in names(page) if name.startswith("photo-")]
    assert len(shown) > 1
    assert shown == sorted(shown)


def test_sorted_by_folder_each_folder_has_its_heading(page: Page) -> None:
    page.goto("?sort=folder")
    expect_thumbnails(page)
    headings = page.locator(".group")
    expect(headings.first).to_have_text("Top folder")
    expect(headings.nth(1)).to_have_text("2019/autumn")
    page.get_by_label("Sort").select_option("Folder, Z to A")
    expect(headings.first).to_have_text("copies")


def test_a_folders_heading_stays_while_its_photos_do(page: Page) -> None:
    page.set_viewport_size({"width": 600, "height": 400})
    page.goto("?sort=folder")
    expect_thumbnails(page)
    heading = page.locator(".group bdi", has_text="2020/spring")
    page.evaluate("scrollTo(0, scrollY + document.querySelector('.grid').offsetHeight / 2)")
    expect(heading).to_be_in_viewport()
    before = heading.bounding_box()
    page.evaluate("scrollBy(0, 60)")
    assert heading.bounding_box() == before
    focused = page.locator(".tile a").first
    focused.focus()
    for _ in range(8):
        page.keyboard.press("ArrowUp")
        photo, stays = page.locator(".tile a:focus").bounding_box(), lowest_heading_px(page)
        assert photo and photo["y"] >= stays  # nothing covers what has the keyboard


def lowest_heading_px(page: Page) -> float:
    """Lower edge of the heading that stays under the bar."""
    found: float = page.evaluate(
        """() => Math.max(...[...document.querySelectorAll('.group bdi')]
            .map(heading => heading.getBoundingClientRect())
            .filter(box => box.top < 60).map(box => box.bottom))"""
    )
    return found


def test_filters_narrow_the_gallery_and_live_in_the_url(page: Page) -> None:
    page.goto("?folder=2020%2Fspring")
    page.get_by_role("button", name="Filter").click()
    sheet = page.get_by_role("dialog", name="Filter")
    sheet.get_by_label("Portrait").check()
    in_spring_2020 = [
        number
        for number in range(photos.PLAIN)
        if photos.folder_of(number) == "2020/spring" and SIZES[number % len(SIZES)] == (400, 600)
    ]
    sheet.get_by_role("button", name=f"Show {len(in_spring_2020)}", exact=True).click()
    expect(page).to_have_url(re.compile(r"folder=2020%2Fspring&orientation=portrait"))
    expect(page.locator(".tile")).to_have_count(len(in_spring_2020))
    page.reload()
    expect(page.locator(".tile")).to_have_count(len(in_spring_2020))
    page.get_by_role("link", name="Remove filter: Portrait").click()
    expect(page).not_to_have_url(re.compile("orientation"))


def test_dates_and_format_filter_too(page: Page) -> None:
    page.goto("?from=2019-01-01&to=2019-12-31&format=JPEG")
    in_2019 = [n for n in range(photos.PLAIN) if photos.taken_at(n).year == 2019]
    count = len(in_2019) + 1  # and the copy of one of them
    expect(page.locator(".tile")).to_have_count(count)
    page.get_by_role("button", name="Filter").click()
    sheet = page.get_by_role("dialog", name="Filter")
    expect(sheet.get_by_label("From")).to_have_value("2019-01-01")
    sheet.get_by_label("To", exact=True).fill("2019-03-31")
    expect(page).to_have_url(re.compile("to=2019-03-31"))
    expect(sheet.get_by_role("button", name="Show 3", exact=True)).to_be_visible()


def test_photos_without_a_date_are_a_group_at_the_end(page: Page) -> None:
    undated = photos.IMAGES - photos.PLAIN - 1  # a copy has the date of what it is a copy of
    for order in ("", "?sort=date"):
        page.goto(order)
        expect_thumbnails(page)
        page.mouse.wheel(0, 100_000)
        expect(page.locator(".group").last).to_have_text("Without a date")
    page.get_by_role("button", name="Filter").click()
    sheet = page.get_by_role("dialog", name="Filter")
    sheet.get_by_label("Without a date").check()
    sheet.get_by_role("button", name=f"Show {undated}", exact=True).click()
    expect(page.locator(".tile")).to_have_count(undated)
    page.get_by_role("link", name="Remove filter: Without a date").click()
    expect(page).not_to_have_url(re.compile("undated"))


def test_filters_that_leave_nothing_say_so_and_can_be_cleared(page: Page) -> None:
    page.goto("?from=1990-01-01&to=1990-12-31")
    expect(page.get_by_role("heading", name="No photo matches these filters")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(tile(page, NEWEST)).to_be_visible()


def test_back_returns_to_where_the_reader_was(page: Page) -> None:
    page.goto("")
    expect_thumbnails(page)
    page.mouse.move(600, 500)
    page.mouse.wheel(0, 1400)
    wait_until(page, "scrollY === 1400")
    name = "document.elementFromPoint(600, 500).closest('.tile a')?.title"
    wait_until(page, name)
    in_sight = page.evaluate(name)
    link = tile(page, in_sight)
    link.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    link.click()
    expect(page.get_by_role("heading", name="Most similar")).to_be_visible()
    page.go_back()
    expect_view(page, "gallery")
    expect_thumbnails(page)
    assert abs(page.evaluate("scrollY") - before) <= 1
    page.reload()
    expect_thumbnails(page)
    assert abs(page.evaluate("scrollY") - before) <= 1


def test_a_date_can_be_jumped_to(phone: Page) -> None:
    phone.goto("")
    expect_thumbnails(phone)
    scrubber = phone.get_by_role("slider", name="Jump to date")
    scrubber.focus()
    phone.keyboard.press("End")
    expect(scrubber).to_have_attribute("aria-valuetext", "Without a date")
    assert phone.evaluate("scrollY") > 800


def test_the_scrubber_can_be_dragged(page: Page) -> None:
    page.goto("")
    expect_thumbnails(page)
    box = page.get_by_role("slider", name="Jump to date").bounding_box()
    assert box
    page.mouse.move(box["x"] + 30, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + box["height"])
    page.mouse.up()
    expect(tile(page, photos.name_of(0))).to_be_visible()


def test_it_is_usable_at_320_pixels(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    similar = f"?view=similar&id={site.id_of('photo-05.jpg')}"
    views = ("", similar, "?view=search", "?view=upload", "?view=duplicates", "?view=status")
    for url in views:
        page.goto(url)
        expect(page.locator("main h1")).to_have_count(1)
        assert outside(page) == [], url
    page.goto("?sort=name")
    tile(page, "photo-02.jpg").click(modifiers=["Control"])
    assert outside(page) == []
    for key in ("f", "?"):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        assert outside(page) == [], key
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def outside(page: Page) -> list[str]:
    """What can be pressed or read and sticks out of the window to the right."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('a, button, select, input, h1, h2, p, dt, dd')]
            .filter(each => each.checkVisibility({visibilityProperty: true}))
            .filter(each => each.getBoundingClientRect().right > innerWidth)
            .map(each => each.outerHTML.slice(0, 90))"""
    )
    return found


MISSING_PX = """select => {
    const given = select.offsetWidth;
    select.style.width = 'max-content';
    return Math.max(0, select.offsetWidth - given);
}"""  # width that a select's longest text lacks


def test_the_sort_order_can_be_read_on_the_smallest_phone(phone: Page) -> None:
    """The Select button, which only a finger needs, takes room from it."""
    phone.set_viewport_size({"width": 320, "height": 640})
    phone.goto("?sort=folder")
    expect(phone.get_by_role("button", name="Select photos")).to_be_visible()
    assert phone.get_by_label("Sort").evaluate(MISSING_PX) == 0


def test_every_module_of_the_gallery_is_fetched_at_once(page: Page) -> None:
    """Each is announced in index.html; found one by one they would cost a round trip each."""
    page.goto("")
    expect_thumbnails(page)
    scripts, announced = page.evaluate(
        """() => [
            performance.getEntriesByType('resource')
                .filter(entry => entry.startTime
                    < performance.getEntriesByType('navigation')[0].loadEventStart)
                .map(entry => entry.name).filter(name => name.endsWith('.js')),
            [...document.querySelectorAll('[rel=modulepreload], script')]
                .map(element => element.href ?? element.src)]"""
    )
    assert {script for script in scripts if "/messages/" not in script} == set(announced)
    assert sum("/messages/" in script for script in scripts) == 1  # the reader's language only


def test_it_can_be_installed(page: Page, site: Site) -> None:
    page.goto("")
    manifest = page.evaluate(
        "async () => (await fetch(document.querySelector('link[rel=manifest]').href)).json()"
    )
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert page.request.get(icon["src"]).ok


def test_the_whole_app_is_under_90_kilobytes(site: Site) -> None:
    files = [STATIC / "index.html", STATIC / "manifest.webmanifest", STATIC / "icons/icon.svg"]
    for folder in ("js", "css", "messages"):
        files += (path for path in (STATIC / folder).rglob("*") if path.is_file())
    assert len(files) > 30
    sizes = {}
    for file in files:
        path = file.relative_to(STATIC).as_posix()
        request = Request(f"{site.url}{path}", headers={"Accept-Encoding": "gzip"})
        with urlopen(request) as answer:
            sizes[path] = len(answer.read())
    languages = sorted(size for path, size in sizes.items() if path.startswith("messages/"))
    most = sum(sizes.values()) - sum(languages[:-1])  # a reader has one language
    print(f"{most} bytes in {len(sizes)} files")
    assert most < 90 * 1024


def test_a_first_view_is_under_45_kilobytes(page: Page) -> None:
    page.goto("")
    expect_thumbnails(page)
    sent = page.evaluate(
        """() => performance.getEntriesByType('resource')
            .filter(({name}) => /\\.(js|css)$|\\/$/.test(name.split('?')[0]))
            .filter(({startTime}) => startTime
                < performance.getEntriesByType('navigation')[0].loadEventStart)
            .concat(performance.getEntriesByType('navigation'))
            .reduce((sum, {encodedBodySize}) => sum + encodedBodySize, 0)"""
    )
    print(f"{sent} bytes")
    assert 20_000 < sent < 45 * 1024
