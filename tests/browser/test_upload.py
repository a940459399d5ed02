"""Searching with a photo of one's own: chosen, dropped, pasted or taken; nothing is kept."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import photos
from tests.browser.conftest import Console
from tools.testing.looks import expect_first, expect_thumbnails
from tools.testing.site import Site

# Makes a DataTransfer with one file, as a drop or paste carries it.
CARRY = """([type, event, data]) => {
    const bytes = Uint8Array.from(atob(data), char => char.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], 'mine.png', {type}));
    const carrier = event === 'paste' ? 'clipboardData' : 'dataTransfer';
    const Kind = event === 'paste' ? ClipboardEvent : DragEvent;
    const options = {[carrier]: transfer, bubbles: true, cancelable: true};
    document.body.dispatchEvent(new Kind(event, options));
}"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A photo that looks like photo-12.jpg and is in no library."""
    path = tmp_path / "mine.png"
    photos.scene(12, 600, 400).resize((500, 340)).save(path)
    return path


def carry(page: Page, event: str, file: Path, media_type: str = "image/png") -> None:
    page.locator(".finder").wait_for()  # the page runs
    page.evaluate(CARRY, [media_type, event, base64.b64encode(file.read_bytes()).decode()])


def test_a_chosen_file_is_shown_and_searched(page: Page, site: Site, mine: Path) -> None:
    images = site.get("api/status")["images"]
    page.goto("")
    page.get_by_role("link", name="Search with a photo").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files(mine)
    expect_first(page, "photo-12.jpg")
    expect(page.get_by_role("img", name="Your photo")).to_be_visible()
    expect(page.get_by_text("mine.png")).to_be_visible()
    assert site.get("api/status")["images"] == images


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_photo_is_taken_wherever_it_is_dropped_or_pasted(
    page: Page, mine: Path, event: str
) -> None:
    page.goto("?view=status")
    page.get_by_role("heading", name="Library", level=1).wait_for()
    carry(page, event, mine)
    expect(page).to_have_url(re.compile("view=upload"))
    expect_first(page, "photo-12.jpg")


def test_a_region_of_it_can_be_searched(page: Page, mine: Path) -> None:
    page.goto("")
    carry(page, "drop", mine)
    expect_first(page, "photo-12.jpg")
    page.get_by_role("button", name="Search a region").click()
    expect(page.get_by_role("heading", name="Like the region")).to_be_visible()
    expect_thumbnails(page)
    expect(page).to_have_url(re.compile("box="))


def test_a_phone_offers_its_camera(phone: Page, mine: Path) -> None:
    phone.goto("?view=upload")
    with phone.expect_file_chooser() as chooser:
        phone.get_by_role("button", name="Take a photo").tap()
    assert chooser.value.element.get_attribute("capture") == "environment"
    chooser.value.set_files(mine)
    expect_first(phone, "photo-12.jpg")


def test_after_a_reload_the_photo_must_be_chosen_again(page: Page, mine: Path) -> None:
    page.goto("")
    carry(page, "drop", mine)
    expect_first(page, "photo-12.jpg")
    page.reload()
    expect(page.get_by_text("The photo of this search was not stored")).to_be_visible()


def test_what_is_not_an_image_is_turned_down_by_name(page: Page, tmp_path: Path) -> None:
    page.goto("?view=upload")
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    carry(page, "drop", text, "text/plain")
    expect(page.get_by_text("“mine.png” is not an image.")).to_be_visible()


def test_a_broken_image_shows_the_devices_reason(
    page: Page, tmp_path: Path, console: Console
) -> None:
    console.expect("status of 4")
    page.goto("?view=upload")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    carry(page, "drop", broken)
    expect(page.get_by_role("alert")).to_contain_text("That did not work")
    expect(page.get_by_text("This browser can’t show this kind of image.")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)  # it would not help
