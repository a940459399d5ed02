"""axe-core finds nothing to complain of in any view, at a desk and on a phone, light and dark."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.resources import files

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser import photos
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
    expect(page.get_by_role("complementary")).to_contain_text("2 selected")


def upload(page: Page, site: Site) -> None:
    page.goto("?view=upload")
    expect(page.get_by_role("button", name="Choose a photo")).to_be_visible()


def uploaded(page: Page, site: Site) -> None:
    page.goto("?view=upload")
    mine = io.BytesIO()
    photos.scene(5, 400, 600).save(mine, "JPEG")
    file: FilePayload = {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": mine.getvalue()}
    page.get_by_label("Choose a photo").first.set_input_files(file)
    expect(page.locator(".tile.loaded").first).to_be_visible()


def duplicates(page: Page, site: Site) -> None:
    page.goto("?view=duplicates")
    expect(page.get_by_role("region").first).to_be_visible()


def status(page: Page, site: Site) -> None:
    page.goto("?view=status")
    expect(page.get_by_role("row").first).to_be_visible()


def filters(page: Page, site: Site) -> None:
    gallery(page, site)
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_label("JPEG")).to_be_visible()


def keys(page: Page, site: Site) -> None:
    gallery(page, site)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def nothing_found(page: Page, site: Site) -> None:
    page.goto("?from=1990-01-01&to=1990-12-31")
    expect(page.get_by_role("link", name="Clear filters")).to_be_visible()


VIEWS = (
    gallery,
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


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_axe_finds_nothing(
    page: Page, phone: Page, site: Site, view: Callable[[Page, Site], None]
) -> None:
    for window, scheme in ((page, "light"), (phone, "dark")):
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
