"""What the page says of the index: progress, reasons, and what to do when something is missing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_app.cli.arguments import main
from edge_app.index.format.locking import lock
from tests.browser import photos
from tests.browser.conftest import Console, open_page
from tools.testing.browsers import PHONE
from tools.testing.pictures import save
from tools.testing.site import Site
from tools.testing.waiting import until


class Serve(Protocol):
    def __call__(self, library: Path, *options: str) -> Site: ...


@pytest.fixture
def serve(tmp_path: Path, model: Path) -> Iterator[Serve]:
    """Starts servers of other libraries than the one the other tests share. Ask for it before
    `page`, which is then closed before the servers are."""
    sites: list[Site] = []

    def start(library: Path, *options: str) -> Site:
        sites.append(Site(library, tmp_path / "index", "--model", str(model), *options))
        return sites[-1]

    yield start
    for site in sites:
        site.stop()


def test_the_status_page_names_library_model_and_rejected_files(page: Page) -> None:
    page.goto("")
    page.get_by_role("link", name="Library").click()
    main = page.get_by_role("main")
    for text in (
        "Done, but 2 files could not be used",
        "Holidays",
        "mobilenet_v2",
        "1,280 dimensions",
    ):
        expect(main).to_contain_text(text)
    expect(main).to_contain_text(f"{photos.IMAGES} photos in the index")
    for name in photos.REJECTED:
        expect(page.get_by_role("row", name=re.compile(name))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("notes.jpg"))).to_contain_text("not an image")


def test_an_empty_library_says_what_to_do(serve: Serve, page: Page, tmp_path: Path) -> None:
    library = tmp_path / "Empty"
    library.mkdir()
    page.add_init_script("localStorage.removeItem('hint')")  # a first visit
    page.goto(serve(library).url)
    expect(page.get_by_role("heading", name="No photos yet")).to_be_visible()
    expect(page.get_by_text("Click a photo")).to_be_hidden()  # there is none
    expect(page.get_by_text("Put photos into the library folder “Empty”")).to_be_visible()
    expect(page.get_by_role("main")).not_to_contain_text(str(tmp_path))  # no path of the server
    expect(page.get_by_role("main")).not_to_contain_text("--")  # and none of its options


def test_what_is_skipped_of_a_library_is_said(serve: Serve, page: Page, tmp_path: Path) -> None:
    library = tmp_path / "Mixed"
    for name in ("a.png", "scans/b.png", "app/c.png"):
        save(library / name, 1)
    (library / "app/.nomedia").touch()
    (library / "albums").symlink_to(tmp_path)
    page.goto(serve(library, "--exclude", "scans").url + "?view=status")
    main = page.get_by_role("main")
    expect(main).to_contain_text("1 linked folder is skipped (--follow-links reads it): albums")
    expect(main).to_contain_text("1 folder is skipped because of .nomedia or .noindex: app")
    expect(main).to_contain_text("1 file or folder is excluded: scans")
    expect(main).to_contain_text("1 photo in the index")


def test_photos_appear_while_they_are_indexed(serve: Serve, page: Page, tmp_path: Path) -> None:
    library = tmp_path / "Growing"
    library.mkdir()
    site = serve(library)
    page.goto(site.url)
    expect(page.get_by_role("heading", name="No photos yet")).to_be_visible()
    for number in range(3):
        save(library / f"{number}.png", number)
    expect(page.locator(".tile")).to_have_count(3)


def replace(site: Site, path: Path) -> None:
    """Another picture in the place of one, once the server knows it."""
    where = f"api/images/{site.id_of(path.name)}"
    before = site.get(where)["thumb"]
    save(path, 9)
    until(lambda: site.get(where)["thumb"] != before)


def test_a_photo_replaced_in_its_place_is_seen_anew(
    serve: Serve, page: Page, tmp_path: Path
) -> None:
    library = tmp_path / "Edited"
    for number in range(3):
        save(library / f"{number}.png", number)
    site = serve(library)
    site.wait_until_indexed(3)
    page.goto(site.url)
    picture = page.locator(f'.tile[data-id="{site.id_of("1.png")}"] img')
    expect(picture).to_have_attribute("src", re.compile("thumbs/"))
    before = picture.get_attribute("src") or ""
    replace(site, library / "1.png")
    expect(picture).not_to_have_attribute("src", before)
    expect(picture).to_have_js_property("complete", True)
    expect(page.locator(".tile")).to_have_count(3)


def test_a_photo_replaced_while_it_is_looked_at_is_seen_anew_there_and_in_the_gallery(
    serve: Serve, page: Page, tmp_path: Path
) -> None:
    library = tmp_path / "Edited"
    for number in range(3):
        save(library / f"{number}.png", number)
    site = serve(library)
    site.wait_until_indexed(3)
    page.goto(site.url)
    id = site.id_of("1.png")
    tile = page.locator(f'.gallery .tile[data-id="{id}"]')
    expect(tile.locator("img")).to_have_attribute("src", re.compile("thumbs/"))
    thumbnail = tile.locator("img").get_attribute("src") or ""
    tile.locator("a").click()
    photo = page.locator(f'img[src^="previews/{id}"]')
    before = photo.get_attribute("src") or ""
    replace(site, library / "1.png")
    expect(photo).not_to_have_attribute("src", before)
    expect(photo).to_have_js_property("complete", True)
    page.go_back()
    expect(tile.locator("img")).not_to_have_attribute("src", thumbnail)
    expect(tile.locator("img")).to_have_js_property("complete", True)


def test_a_photo_that_lacks_its_end_and_a_date_is_shown_and_says_so(
    serve: Serve, page: Page, tmp_path: Path
) -> None:
    library = tmp_path / "Cut"
    photo = save(library / "cut.jpg", 1, width_px=600, height_px=400)
    photo.write_bytes(photo.read_bytes()[:-500])
    site = serve(library)
    site.wait_until_indexed(1)
    page.goto(f"{site.url}?view=similar&id={site.id_of('cut.jpg')}")
    expect(page.locator("img.large")).to_have_js_property("naturalWidth", 600)
    details = page.locator("details.details")
    expect(details).to_contain_text("undated")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    expect(details).to_contain_text("a part of the picture is missing")


def test_the_old_model_answers_until_the_new_one_is_ready(
    serve: Serve, page: Page, tmp_path: Path, model: Path
) -> None:
    library, old = tmp_path / "Trip", tmp_path / "old.tflite"
    for number in range(3):
        save(library / f"{number}.png", number)
    old.write_bytes(model.read_bytes())
    card = json.loads(model.with_suffix(".json").read_text())
    old.with_suffix(".json").write_text(json.dumps(card | {"name": "old", "mean": 1}))
    where = ["--gallery", str(library), "--index", str(tmp_path / "index")]
    assert main(["index", *where, "--model", str(old)]) == 0
    held = lock(tmp_path / "index")  # no photo can be embedded with the new one yet
    try:
        site = serve(library, "--poll-interval", "0.5s")
        page.goto(f"{site.url}?view=status")
        section = page.get_by_role("main").locator("section", has_text="dimensions")
        expect(section.locator(".lead")).to_have_text("old")
        expect(section).to_contain_text(
            "Used until all photos are indexed with mobilenet_v2, 1,280"
        )
    finally:
        os.close(held)
    expect(section.locator(".lead")).to_have_text("mobilenet_v2")
    expect(section).not_to_contain_text("until")


def test_progress_shows_rate_and_time_left(page: Page) -> None:
    busy = {"state": "indexing", "done": 480, "total": 1000, "images_per_s": 9.6, "eta_s": 54.0}
    page.route(
        "**/api/status",
        lambda route: route.fulfill(
            json={**route.fetch().json(), "indexing": {**busy, "message": None}}
        ),
    )
    page.goto("?view=status")
    expect(page.get_by_text("Indexing 480 of 1,000, about 54 seconds left")).to_be_visible()
    expect(page.get_by_text("9.6 photos a second")).to_be_visible()
    expect(page.get_by_role("main")).not_to_contain_text("Every file that was found")
    expect(page.get_by_role("progressbar", name="Indexing")).to_have_js_property("value", 480)
    expect(page.get_by_role("link", name="Indexing, 48% done")).to_be_visible()
    page.unroute_all(behavior="wait")  # the page asks again and again, at its end too


def test_an_offline_library_is_still_browsed_and_searched(
    serve: Serve, page: Page, console: Console, tmp_path: Path
) -> None:
    console.expect("(404|503).*/(originals|previews)/")  # its thumbnail is shown in their place
    library = tmp_path / "Stick"
    for number in range(3):
        save(library / f"{number}.png", number)
    site = serve(library)
    site.wait_until_indexed(3)
    library.rename(tmp_path / "unplugged")
    page.goto(site.url)
    expect(page.get_by_text("The photo library is offline")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Filter").click()  # the notice is not in the way
    page.get_by_role("dialog").get_by_role("button", name="Show 3").click()
    expect(page.locator(".tile.loaded")).to_have_count(3)
    page.locator(".tile a").first.click()
    expect(page.locator(".tile.loaded")).to_have_count(2)


def test_problems_come_first_with_what_to_do(page: Page) -> None:
    page.goto("?view=status")
    problems = page.get_by_role("list", name="Needs attention").get_by_role("listitem")
    expect(problems.filter(has_text="not an image")).to_contain_text("1 file: ")
    first = problems.first.bounding_box()
    card = page.get_by_role("heading", name="Indexing").bounding_box()
    assert first and card
    assert first["y"] < card["y"]
    expect(page.get_by_text("1,280 dimensions")).to_be_hidden()
    page.get_by_text("Details", exact=True).click()
    expect(page.get_by_text("1,280 dimensions")).to_be_visible()


def test_a_notice_covers_no_control(
    serve: Serve, browser: Browser, console: Console, tmp_path: Path
) -> None:
    library = tmp_path / "Stick"
    for number in range(3):
        save(library / f"{number}.png", number)
    site = serve(library)
    site.wait_until_indexed(3)
    library.rename(tmp_path / "unplugged")
    context = open_page(browser, site.url, console, **PHONE)
    page = context.new_page()
    for url in ("", f"?view=similar&id={site.id_of('1.png')}", "?view=duplicates"):
        page.goto(url)
        expect(page.get_by_text("The photo library is offline")).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.evaluate(COVERED) == [], url
    page.goto("")
    page.get_by_role("button", name="Select photos").tap()
    page.locator(".tile a").first.tap()
    expect(page.get_by_role("complementary")).to_contain_text("1 selected")
    expect(page.get_by_text("Tap the photos to search by.")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 520})  # so that there is something to scroll
    assert page.evaluate(COVERED) == []
    context.close()


COVERED = """() => {
    scrollTo(0, 1e6);
    const notice = document.querySelector('.notice').getBoundingClientRect();
    return [...document.querySelectorAll('button, a, select, input, summary')]
        .filter(each => each.checkVisibility() && !each.closest('.notice, .skip'))
        .map(each => [each.getBoundingClientRect(), each.outerHTML.slice(0, 80)])
        .filter(([box]) => box.bottom > notice.top && box.top < notice.bottom
            && box.right > notice.left && box.left < notice.right)
        .map(([, html]) => html);
}"""


def test_each_of_several_folders_says_whether_it_is_there(
    serve: Serve, page: Page, tmp_path: Path
) -> None:
    for number, name in enumerate(("Phone", "Archive")):
        save(tmp_path / name / "a.png", number)
    site = serve(
        Path(f"archive={tmp_path}/Archive"), "--gallery", f"phone={tmp_path}/Phone", "--no-watch"
    )
    page.goto(f"{site.url}?view=status")
    cards = {
        name: page.locator("section.card", has=page.get_by_text(name, exact=True))
        for name in ("phone", "archive")
    }
    for card in cards.values():
        expect(card).to_contain_text("Online")
    (tmp_path / "Archive").rename(tmp_path / "away")
    expect(cards["archive"]).to_contain_text("Offline")
    problems = page.get_by_role("list", name="Needs attention")
    expect(problems).to_contain_text("the photo folder Archive can't be reached")
    expect(cards["phone"]).to_contain_text("Online")
