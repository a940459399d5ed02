"""One photo large, what looks like it beside it, and everything one can do there."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser import fingers, photos
from tests.browser.conftest import Console
from tools.testing.looks import (
    expect_first,
    expect_thumbnails,
    expect_view,
    names,
    tile,
    wait_until,
)
from tools.testing.site import Site


def open_photo(page: Page, site: Site, name: str, more: str = "") -> None:
    page.goto(f"?view=similar&id={site.id_of(name)}{more}")
    expect_thumbnails(page)


def test_a_click_shows_the_photo_and_its_matches_with_scores(page: Page, site: Site) -> None:
    page.goto("?sort=name")
    tile(page, "photo-05.jpg").click()
    expect(page.get_by_role("img", name="photo-05.jpg")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"view=similar&id={site.id_of('photo-05.jpg')}"))
    expect_first(page, "smaller.jpg")
    scores = [float(text) for text in page.locator(".score").all_text_contents()]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.9
    answer = site.get(f"api/images/{site.id_of('photo-05.jpg')}/similar?k=60&collapse=1")
    assert names(page) == [item["name"] for item in answer["items"]][: len(names(page))]


def test_a_phone_shows_matches_below_a_tall_photo_without_scrolling(
    phone: Page, site: Site
) -> None:
    open_photo(phone, site, "photo-05.jpg")  # 400 × 600
    height_px = phone.viewport_size["height"] if phone.viewport_size else 0
    match = phone.locator(".tile").first.bounding_box()
    assert match
    assert match["y"] + match["height"] / 2 < height_px


def test_a_click_goes_on_and_back_and_forward_return(page: Page, site: Site) -> None:
    open_photo(page, site, "photo-05.jpg")
    tile(page, "smaller.jpg").click()
    expect(page.get_by_role("img", name="smaller.jpg")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("img", name="photo-05.jpg")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("img", name="smaller.jpg")).to_be_visible()


def test_back_restores_the_scroll_position_of_the_matches(phone: Page, site: Site) -> None:
    open_photo(phone, site, "photo-05.jpg")
    phone.evaluate("scrollTo(0, 700)")
    wait_until(phone, "scrollY === 700")
    phone.locator(".tile a").nth(8).dispatch_event("click")
    wait_until(phone, "scrollY === 0")
    phone.go_back()
    wait_until(phone, "scrollY === 700")


def test_closing_returns_to_the_gallery_as_it_was_left(page: Page) -> None:
    page.goto("?sort=name")
    expect_thumbnails(page)
    tile(page, "photo-01.jpg").focus()
    page.keyboard.press("End")
    before = page.evaluate("scrollY")
    assert before > 100
    page.keyboard.press("Enter")
    expect_view(page, "similar")
    expect_thumbnails(page)
    page.get_by_role("link", name="Previous photo").click()
    previous = page.get_by_text(f"{photos.IMAGES - 1} of {photos.IMAGES}")
    expect(previous).to_be_visible()
    expect_thumbnails(page)
    page.locator(".tile a").nth(2).click()
    expect(page.get_by_text(re.compile("^Match 3 of"))).to_be_visible()
    page.keyboard.press("Escape")  # to the matches it came from
    expect(previous).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="All photos")).to_be_visible()
    assert abs(page.evaluate("scrollY") - before) <= 1
    expect(page.locator(".tile a:focus")).to_have_count(1)


def test_the_score_slider_hides_lower_matches_at_once(page: Page, site: Site) -> None:
    open_photo(page, site, "photo-05.jpg")
    scores = [float(text) for text in page.locator(".score").all_text_contents()]
    least = scores[3] - 0.01  # the fourth and what equals it are still shown
    shown = sum(score >= least for score in scores)
    page.get_by_role("button", name="Refine").click()
    slider = page.get_by_role("slider", name="Minimum score")
    scale = site.get(f"api/images/{site.id_of('photo-05.jpg')}/similar")["scale"]
    half, similar = scale["half"], scale["similar"]
    assert half - 0.01 < float(slider.get_attribute("min") or "0") <= half
    slider.fill(f"{similar + 0.01:.2f}")
    expect(page.get_by_text(re.compile(r"^\d\.\d\d · Similar$"))).to_be_visible()
    slider.fill(f"{least:.2f}")
    expect(page.locator(".tile")).to_have_count(shown)
    expect(page.get_by_text(f"{shown} photos", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(f"min={least:.2f}".rstrip("0")))
    page.reload()
    expect(page.locator(".tile")).to_have_count(shown)
    slider.fill("1")
    expect(page.get_by_text("Nothing scores 1.00 or more")).to_be_visible()


def test_near_duplicates_are_folded_and_can_be_unfolded(page: Page, site: Site) -> None:
    open_photo(page, site, "photo-25.jpg")
    before = names(page)
    assert ("photo-05.jpg" in before) != ("smaller.jpg" in before)
    stacks = page.locator(".tile", has=page.locator(".stack"))
    stacks.filter(has=page.locator("a[title='photo-05.jpg'], a[title='smaller.jpg']")).get_by_role(
        "button", name="1 near-duplicate: show"
    ).click()
    expect(tile(page, "photo-05.jpg")).to_be_visible()
    expect(tile(page, "smaller.jpg")).to_be_visible()
    page.get_by_role("button", name="Refine").click()
    page.get_by_label("Group near-duplicates").uncheck()
    expect(page).to_have_url(re.compile("collapse=0"))
    expect(page.locator(".stack")).to_have_count(0)


def test_matches_can_be_kept_within_the_gallerys_filters(page: Page, site: Site) -> None:
    open_photo(page, site, "photo-05.jpg", "&folder=copies")
    assert len(names(page)) > 2
    page.get_by_role("button", name="Refine").click()
    page.get_by_label("Only within the filters").check()
    expect(page.locator(".tile")).to_have_count(2)
    assert set(names(page)) == {"the-same.jpg", "smaller.jpg"}


def test_next_and_previous_follow_the_gallerys_order(page: Page, site: Site) -> None:
    page.goto("?sort=name&format=JPEG")
    tile(page, "photo-01.jpg").click()
    page.get_by_role("link", name="Next photo").click()
    expect(page.get_by_role("img", name="photo-02.jpg")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("img", name="photo-01.jpg")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="All photos")).to_be_visible()


def test_a_flick_turns_the_page_on_a_phone(phone: Page, site: Site) -> None:
    phone.goto("?sort=name")
    tile(phone, "photo-01.jpg").tap()
    expect(phone.locator(".frame.loaded")).to_be_visible()
    expect(phone.get_by_role("link", name="Next photo")).to_have_attribute(
        "href", re.compile("id=")
    )
    fingers.drag(phone, ((300, 250), (120, 260)))
    expect(phone.get_by_role("img", name="photo-02.jpg")).to_be_visible()
    fingers.drag(phone, ((120, 250), (300, 260)))
    expect(phone.get_by_role("img", name="photo-01.jpg")).to_be_visible()


def test_a_tap_zooms_and_fingers_go_on(phone: Page, site: Site) -> None:
    open_photo(phone, site, "photo-05.jpg")
    phone.locator(".frame").tap()
    expect(phone.get_by_role("dialog").get_by_role("img")).to_be_visible()
    width = "document.querySelector('.zoom img').getBoundingClientRect().width"
    wait_until(phone, f"{width} === 390")  # as wide as the window, though it has 400 pixels only
    fingers.drag(phone, ((180, 400), (80, 400)), ((210, 400), (310, 400)))
    wait_until(phone, f"{width} > 3 * 390")
    fingers.double_tap(phone, (195, 400))
    wait_until(phone, f"{width} === 390")


def test_the_neighbours_thumbnails_are_fetched_ahead(page: Page, site: Site) -> None:
    ahead = [site.get(f"api/images/{site.id_of(f'photo-{n}.jpg')}")["thumb"] for n in (10, 12)]
    page.goto(f"?view=similar&id={site.id_of('photo-11.jpg')}&sort=name&folder=2020")
    for thumb in ahead:
        wait_until(
            page,
            "performance.getEntriesByType('resource')"
            f".some(entry => entry.name.endsWith('{thumb}'))",
        )


def test_a_phone_held_sideways_shows_matches_beside_the_photo(phone: Page, site: Site) -> None:
    phone.set_viewport_size({"width": 844, "height": 390})
    open_photo(phone, site, "photo-06.jpg")  # 600 × 400
    shown = phone.locator(".frame").bounding_box()
    match = phone.locator(".tile").first.bounding_box()
    assert shown and match
    assert shown["y"] + shown["height"] < 390
    assert match["x"] > shown["x"] + shown["width"]
    assert match["y"] + match["height"] / 2 < 390


def test_zoom_has_its_own_url_and_back_closes_it(page: Page, site: Site) -> None:
    open_photo(page, site, "photo-05.jpg")
    page.get_by_role("button", name="Zoom").click()
    zoom = page.get_by_role("dialog", name=re.compile("^Zoomed photo"))
    picture = zoom.get_by_role("img")
    expect(page).to_have_url(re.compile("zoom=1"))
    expect(picture).to_be_visible()
    width = "document.querySelector('.zoom img').getBoundingClientRect().width"
    before = page.evaluate(width)
    zoom.get_by_role("button", name="Zoom in").click()
    page.keyboard.press("+")
    wait_until(page, f"{width} > 1.9 * {before}")
    page.mouse.move(640, 400)
    page.mouse.wheel(0, -300)
    wait_until(page, f"{width} > 3 * {before}")
    page.go_back()
    expect(zoom).to_have_count(0)
    expect(page).not_to_have_url(re.compile("zoom"))
    page.keyboard.press("z")
    expect(zoom).to_be_visible()
    page.keyboard.press("Escape")
    expect(zoom).to_have_count(0)
    expect(page).not_to_have_url(re.compile("zoom"))


def test_zoom_can_be_opened_again_at_once(page: Page, site: Site) -> None:
    """Before the closed one has told that it is."""
    open_photo(page, site, "photo-05.jpg")
    zoom = page.get_by_role("dialog", name=re.compile("^Zoomed photo"))
    page.keyboard.press("z")
    expect(zoom).to_be_visible()
    page.evaluate(
        """() => {
            const z = () => new KeyboardEvent('keydown', { key: 'z', bubbles: true });
            addEventListener('popstate', () => document.body.dispatchEvent(z()), { once: true });
            document.querySelector('dialog').addEventListener('close', () => (window.told = true));
            history.go = () => (window.left = true);
            history.back();
        }"""
    )
    wait_until(page, "window.told")  # and what comes of that is done
    assert not page.evaluate("window.left")
    expect(page).to_have_url(re.compile("zoom=1"))
    expect(zoom).to_be_visible()


def test_closing_a_zoom_that_was_linked_to_shows_the_photo(page: Page, site: Site) -> None:
    open_photo(page, site, "photo-05.jpg")
    page.goto(page.url + "&zoom=1")
    linked = page.context.new_page()
    linked.goto(page.url)
    zoom = linked.get_by_role("dialog", name=re.compile("^Zoomed photo"))
    expect(zoom).to_be_visible()
    linked.keyboard.press("Escape")
    expect(zoom).to_have_count(0)
    expect(linked).not_to_have_url(re.compile("zoom"))
    expect(linked.get_by_role("heading", name="photo-05.jpg")).to_be_attached()


def test_details_tell_dimensions_date_camera_and_path(page: Page, site: Site) -> None:
    open_photo(page, site, "photo-05.jpg")
    details = page.locator("details")
    details.locator("summary").click()
    path = f"{photos.folder_of(5)}/photo-05.jpg"
    for text in ("400 × 600 pixels · 0.2 MP", "July 14, 2019", "Canon EOS 350D", path):
        expect(details.get_by_text(text).last).to_be_visible()
    details.get_by_role("link", name=photos.folder_of(5)).click()
    way = "Folders / " + photos.folder_of(5).replace("/", " / ")
    expect(page.get_by_role("heading", name=way)).to_be_visible()


def test_the_original_can_be_downloaded(page: Page, site: Site) -> None:
    open_photo(page, site, "photo-05.jpg")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "photo-05.jpg"
    original = site.library / photos.folder_of(5) / "photo-05.jpg"
    assert download.value.path().read_bytes() == original.read_bytes()


def test_an_original_the_browser_cannot_show_is_seen_by_its_preview(page: Page, site: Site) -> None:
    open_photo(page, site, "scan.tif")
    shown = page.locator("img.large")
    expect(shown).to_have_attribute("src", re.compile("previews/"))
    expect(shown).to_have_js_property("naturalWidth", 300)
    page.locator(".frame").click()
    expect(page.locator("dialog.zoom img")).to_have_js_property("naturalWidth", 300)


def test_a_photo_that_is_gone_says_so(page: Page, console: Console) -> None:
    console.expect("404")
    page.goto("?view=similar&id=999999")
    expect(page.get_by_role("heading", name="no longer in the library")).to_be_visible()
    page.get_by_role("link", name="Back to all photos").click()
    expect(page.locator(".tile").first).to_be_visible()
