"""axe-core finds nothing to complain of in any view, at a desk and on a phone, light and dark."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.browser import photos
from tests.browser.conftest import Console, open_page
from tools.testing.browsers import PHONE
from tools.testing.looks import tile
from tools.testing.site import Site

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


def gallery(page: Page, site: Site) -> None:
    page.goto("")
    expect(page.locator(".tile.loaded").first).to_be_visible()


def photo(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}&box=0.1,0.1,0.5,0.5")
    expect(page.locator(".tile.loaded").first).to_be_visible()
    page.locator("summary").click()


def zoom(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}&zoom=1")
    expect(page.get_by_role("dialog")).to_be_visible()


def query_set(page: Page, site: Site) -> None:
    like, unlike = site.id_of("photo-05.jpg"), site.id_of("photo-06.jpg")
    page.goto(f"?view=search&like={like}&unlike={unlike}")
    expect(page.locator(".tile.loaded").first).to_be_visible()


def tray(page: Page, site: Site) -> None:
    page.goto("?sort=name")
    for name in ("photo-02.jpg", "photo-03.jpg"):
        tile(page, name).focus()
        page.keyboard.press("x")
    page.keyboard.press("-")
    expect(page.locator(".tray .set li")).to_have_count(2)


def upload(page: Page, site: Site) -> None:
    page.goto("?view=upload")
    expect(page.locator(".intake button").first).to_be_visible()


def uploaded(page: Page, site: Site) -> None:
    page.goto("?view=upload")
    mine = io.BytesIO()
    photos.scene(5, 400, 600).save(mine, "JPEG")
    file: FilePayload = {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": mine.getvalue()}
    page.locator(".intake input[type=file]").first.set_input_files(file)
    expect(page.locator(".tile.loaded").first).to_be_visible()


def duplicates(page: Page, site: Site) -> None:
    page.goto("?view=duplicates")
    expect(page.get_by_role("region").first).to_be_visible()


def status(page: Page, site: Site) -> None:
    page.goto("?view=status")
    expect(page.get_by_role("row").first).to_be_visible()


def filters(page: Page, site: Site) -> None:
    gallery(page, site)
    page.locator(".filter").click()
    expect(page.get_by_label("JPEG")).to_be_visible()


def keys(page: Page, site: Site) -> None:
    gallery(page, site)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def nothing_found(page: Page, site: Site) -> None:
    page.goto("?from=1990-01-01&to=1990-12-31")
    expect(page.locator(".empty .button")).to_be_visible()


def folders(page: Page, site: Site) -> None:
    page.goto("?folder=2020%2Fspring")
    expect(page.locator(".tile.loaded").first).to_be_visible()
    expect(page.locator("h1 a").first).to_be_visible()


def compare(page: Page, site: Site) -> None:
    page.goto("?view=duplicates&kind=same")
    page.locator(".dupes header button").first.click()
    page.locator(".compare [aria-pressed]").nth(1).click()
    expect(page.get_by_role("dialog").get_by_role("slider")).to_be_visible()


def marked(page: Page, site: Site) -> None:
    page.goto("?view=duplicates")
    page.locator('.dupes input[aria-label*="the-same.jpg"]').check()
    expect(page.locator(".listbar .button")).to_be_visible()
    page.goto("?view=duplicates&kind=marked")
    expect(page.locator(".marked li").first).to_be_visible()


def slideshow(page: Page, site: Site) -> None:
    page.goto("?view=frame&folder=copies&sort=name")
    expect(page.locator(".slides img.on")).to_be_visible()


def refined(page: Page, site: Site) -> None:
    page.goto(f"?view=similar&id={site.id_of('photo-05.jpg')}&min=0.1")
    expect(page.locator(".tile.loaded").first).to_be_visible()
    expect(page.get_by_role("slider")).to_be_visible()


VIEWS = (
    gallery,
    folders,
    compare,
    marked,
    slideshow,
    refined,
    photo,
    zoom,
    query_set,
    tray,
    upload,
    uploaded,
    duplicates,
    status,
    filters,
    keys,
    nothing_found,
)


@pytest.fixture
def german(browser: Browser, site: Site, console: Console) -> Iterator[Page]:
    """A phone whose owner reads German."""
    context = open_page(browser, site.url, console, locale="de-DE", **PHONE)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_axe_finds_nothing(
    page: Page, phone: Page, german: Page, site: Site, view: Callable[[Page, Site], None]
) -> None:
    for window, scheme in ((page, "light"), (phone, "dark"), (german, "light")):
        window.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        view(window, site)
        window.evaluate(AXE)
        found = window.evaluate("axe.run()")["violations"]
        told = [(rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found]
        assert told == [], scheme


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_a_finger_finds_everything(
    phone: Page, site: Site, view: Callable[[Page, Site], None]
) -> None:
    """Whatever can be pressed is 44 px wide and high, words in a text apart."""
    view(phone, site)
    small = phone.evaluate(
        """() => [...document.querySelectorAll('a, button, select, input, summary')]
            .filter(each => each.checkVisibility({opacityProperty: true}))
            .filter(each => !each.closest('dd, .skip'))
            .filter(each => getComputedStyle(each).pointerEvents !== 'none')
            .map(each => each.closest('label') ?? each)
            .map(each => [each.getBoundingClientRect(), each.outerHTML.slice(0, 90)])
            .filter(([box]) => Math.min(box.width, box.height) < 44)
            .map(([box, html]) => `${box.width} × ${box.height} ${html}`)"""
    )
    assert [each for each in small if "stack" not in each] == []  # its ::before is 44 px
