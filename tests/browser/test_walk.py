"""Through the matches that a photo was opened from, and back to them."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser import fingers, photos
from tools.testing.looks import expect_thumbnails, expect_view, names, tile, wait_until
from tools.testing.site import Site


def shown(page: Page, name: str) -> None:
    expect(page.get_by_role("img", name=name, exact=True)).to_be_visible()


def test_next_goes_through_the_matches_and_closing_returns_to_them(page: Page, site: Site) -> None:
    page.goto("?sort=name")
    tile(page, "photo-05.jpg").click()
    expect_view(page, "similar")
    expect_thumbnails(page)
    first, second, third = names(page)[:3]
    tile(page, second).click()
    shown(page, second)
    expect(page.get_by_text(re.compile("^Match 2 of"))).to_be_visible()
    page.get_by_role("link", name="Next photo").click()
    shown(page, third)
    page.keyboard.press("ArrowLeft")
    shown(page, second)
    page.keyboard.press("ArrowLeft")
    shown(page, first)
    page.get_by_role("link", name="Back to the gallery").click()
    shown(page, "photo-05.jpg")
    expect(page.get_by_text(re.compile("^Match"))).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="All photos")).to_be_visible()


def test_the_walk_survives_a_reload_and_a_zoom(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}")
    expect_thumbnails(page)
    second, third = names(page)[1:3]
    tile(page, second).click()
    shown(page, second)
    page.reload()
    expect(page.get_by_text(re.compile("^Match 2 of"))).to_be_visible()
    page.keyboard.press("z")
    zoom = page.get_by_role("dialog")
    expect(zoom.get_by_role("img", name=second)).to_be_visible()
    page.keyboard.press("ArrowRight")  # at the fitted size it turns
    expect(zoom.get_by_role("img", name=third)).to_be_visible()
    page.keyboard.press("Escape")
    expect(zoom).to_have_count(0)
    shown(page, third)  # the one that was seen last, not the one that was zoomed first
    page.keyboard.press("Escape")
    shown(page, "photo-05.jpg")


def test_escape_twice_at_once_closes_the_zoom_and_then_the_photo(page: Page, site: Site) -> None:
    page.goto("?sort=name")
    tile(page, "photo-05.jpg").click()
    expect_view(page, "similar")
    expect_thumbnails(page)
    first = names(page)[0]
    tile(page, first).click()
    expect(page.get_by_text(re.compile("^Match 1 of"))).to_be_visible()
    page.keyboard.press("z")
    expect(page.get_by_role("dialog").get_by_role("img", name=first)).to_be_visible()
    page.evaluate(
        """() => {
            document.querySelector('dialog').addEventListener('close', () => {
                const key = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true });
                document.body.dispatchEvent(key);
            });
            document.querySelector('dialog').close();
        }"""
    )
    shown(page, "photo-05.jpg")
    expect(page.get_by_text(re.compile("^Match"))).to_have_count(0)


def test_escape_held_down_leaves_one_photo(page: Page, site: Site) -> None:
    page.goto("?sort=name")
    tile(page, "photo-05.jpg").click()
    shown(page, "photo-05.jpg")
    page.keyboard.press("g")
    expect_view(page, "gallery")
    page.locator(".tile a").first.click()
    expect_view(page, "similar")
    page.evaluate(
        """() => {
            for (let i = 0; i < 3; i += 1) {
                const key = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true });
                document.body.dispatchEvent(key);
            }
        }"""
    )
    expect_view(page, "gallery")
    assert page.evaluate("history.state.depth") == 2  # and not the gallery of the beginning


def test_a_key_that_is_held_down_acts_once(page: Page, site: Site) -> None:
    page.goto("?sort=name")
    tile(page, "photo-05.jpg").click()
    shown(page, "photo-05.jpg")
    page.keyboard.press("m")
    page.keyboard.down("Escape")
    expect_view(page, "gallery")
    page.keyboard.down("Escape")  # repeats: in the gallery it would clear what is selected
    page.keyboard.up("Escape")
    expect(page.get_by_text("1 selected")).to_be_visible()


def test_what_is_asked_for_while_a_step_is_under_way_comes_after_it(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}")
    expect_thumbnails(page)
    page.keyboard.press("z")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate(
        """() => {
            document.querySelector('dialog').addEventListener('close', () => {
                const key = new KeyboardEvent('keydown', { key: 'd', bubbles: true });
                document.body.dispatchEvent(key);
            });
            document.querySelector('dialog').close();
        }"""
    )
    expect_view(page, "duplicates")
    assert page.evaluate("history.state.depth") == 1  # after the photo, whose zoom was closed
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_asking_twice_is_one_step(page: Page) -> None:
    page.goto("")
    expect_thumbnails(page)
    page.evaluate(
        """() => {
            for (let i = 0; i < 3; i += 1) {
                const key = new KeyboardEvent('keydown', { key: 'd', bubbles: true });
                document.body.dispatchEvent(key);
            }
        }"""
    )
    expect_view(page, "duplicates")
    page.go_back()
    expect_view(page, "gallery")


def test_a_double_click_opens_one_photo_and_no_more(page: Page) -> None:
    page.goto("?sort=name")
    for place, lands_on in ((".tile", "photo"), (".tile >> nth=3", "match")):
        box = page.locator(place).first.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.click(x, y)
        expect_view(page, "similar")
        expect_thumbnails(page)
        url = page.url
        page.mouse.down(click_count=2)
        page.mouse.up(click_count=2)
        assert page.url == url, lands_on
        page.go_back()
        expect_view(page, "gallery")
        expect_thumbnails(page)


def test_a_sheet_does_not_outlive_the_view_it_was_opened_in(page: Page) -> None:
    page.goto("?view=status")
    page.get_by_role("link", name="Photos", exact=True).click()
    expect_view(page, "gallery")
    page.keyboard.press("f")
    expect(page.get_by_role("dialog", name="Filter")).to_be_visible()
    page.go_back()
    expect_view(page, "status")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_closing_returns_to_the_view_the_photo_was_opened_from(page: Page) -> None:
    page.set_viewport_size({"width": 800, "height": 400})
    page.goto("")
    expect_view(page, "gallery")  # so that it hears keys
    page.keyboard.press("d")
    photo = page.get_by_role("main").get_by_role("link", name="the-same.jpg")
    photo.scroll_into_view_if_needed()
    y = page.evaluate("scrollY")
    assert y > 0
    photo.click()
    shown(page, "the-same.jpg")
    page.locator(".skip").first.press("Enter")  # to the content; it is still the same step
    page.keyboard.press("Escape")
    expect_view(page, "duplicates")
    wait_until(page, f"scrollY === {y}")


def test_where_the_tab_has_lost_its_history_escape_still_leads_to_the_gallery(
    page: Page, site: Site
) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}")
    expect_thumbnails(page)
    page.evaluate("history.replaceState({ ...history.state, depth: 30, gallery: 10 }, '')")
    page.keyboard.press("Escape")
    expect_view(page, "gallery")
    expect_thumbnails(page)


def test_the_details_tell_how_similar_the_match_is(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}")
    expect_thumbnails(page)
    page.locator(".tile a").first.click()
    details = page.locator("details")
    expect(page.get_by_text(re.compile("^Match 1 of"))).to_be_visible()
    details.locator("summary").click()
    row = details.locator("dt", has_text="Similarity").locator("+ dd")
    expect(row).to_have_text(re.compile(r"(^|· )0\.9\d$"))


def test_closing_returns_to_the_place_among_the_matches(phone: Page, site: Site) -> None:
    phone.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}")
    expect_thumbnails(phone)
    phone.evaluate("scrollTo(0, 600)")
    wait_until(phone, "scrollY === 600")
    phone.locator(".tile a").nth(9).dispatch_event("click")
    wait_until(phone, "scrollY === 0")
    phone.get_by_role("link", name="Back to the gallery").tap()
    wait_until(phone, "scrollY === 600")


def test_coming_back_to_a_photo_and_to_an_upload_finds_the_place_again(
    phone: Page, site: Site
) -> None:
    phone.goto("?view=upload")
    with phone.expect_file_chooser() as chooser:
        phone.get_by_role("button", name="Choose a photo").tap()
    chooser.value.set_files(site.library / photos.folder_of(5) / photos.name_of(5))
    for _ in range(2):
        expect_thumbnails(phone)
        phone.evaluate("scrollTo(0, 400)")
        wait_until(phone, "scrollY === 400")
        phone.keyboard.press("d")
        expect_view(phone, "duplicates")
        phone.go_back()
        expect_thumbnails(phone)
        wait_until(phone, "scrollY === 400")
        phone.locator(".tile a").first.dispatch_event("click")  # and then on a photo
        expect_view(phone, "similar")


def test_a_swipe_goes_to_the_next_match(phone: Page, site: Site) -> None:
    phone.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}")
    expect_thumbnails(phone)
    first, second = names(phone)[:2]
    tile(phone, first).tap()
    expect(phone.get_by_text(re.compile("^Match 1 of"))).to_be_visible()
    fingers.drag(phone, ((300, 200), (100, 210)))
    shown(phone, second)


def test_unfolded_near_duplicates_have_scores_and_fold_again(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-25.jpg')}")
    expect_thumbnails(page)
    shut = page.locator(".tile").count()
    page.get_by_role("button", name="1 near-duplicate: show").first.click()
    expect(page.locator(".tile")).to_have_count(shut + 1)
    expect(page.locator(".tile .score")).to_have_count(shut + 1)
    page.get_by_role("button", name="Fold 1 near-duplicate").first.click()
    expect(page.locator(".tile")).to_have_count(shut)


def test_less_similar_matches_are_below_a_line(page: Page, site: Site) -> None:
    number = site.id_of("photo-05.jpg")
    items = site.get(f"api/images/{number}/similar?k=60&collapse=1")["items"]

    def answer(bands: list[str]) -> dict[str, object]:
        return {
            "query": {},
            "scale": None,
            "items": [{**item, "band": band} for item, band in zip(items, bands, strict=False)],
        }

    many = ["very_similar"] * 2 + ["less_similar"] * 20
    page.route("**/similar*", lambda route: route.fulfill(json=answer(many[2:])))
    page.goto(f"?view=similar&id={number}")
    expect_thumbnails(page)
    expect(page.locator(".matches .group")).to_have_count(0)  # there is nothing above a line
    page.unroute("**/similar*")
    page.route("**/similar*", lambda route: route.fulfill(json=answer(many)))
    page.reload()
    expect(page.locator(".matches .group")).to_have_count(1)
    expect_thumbnails(page)
    line, third = page.locator(".group").bounding_box(), tile(page, items[2]["name"]).bounding_box()
    second = tile(page, items[1]["name"]).bounding_box()
    assert line and second and third
    assert second["y"] + second["height"] <= line["y"] < third["y"]
    label = tile(page, items[1]["name"]).get_attribute("aria-label") or ""
    assert "Very similar" in label
