"""A household's passcode, as a browser asks for it and sends it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Console, open_page
from tests.browser.test_accessibility import AXE
from tools.testing.browsers import PHONE
from tools.testing.pictures import save
from tools.testing.site import Site

PASSCODE = "horse battery 99"


@pytest.fixture
def closed_page(browser: Browser, tmp_path: Path, model: Path, console: Console) -> Iterator[Page]:
    """A phone in front of a server that asks for PASSCODE, and has one photo."""
    console.expect("401")
    save(tmp_path / "library/one.png", 1)
    file = tmp_path / "passcode.txt"
    subprocess.run(
        [sys.executable, "-m", "edge_app", "passcode", str(file)],
        input=f"{PASSCODE}\n" * 2,
        text=True,
        capture_output=True,
        check=True,
    )
    options = ("--model", str(model), "--no-watch", "--passcode-file", str(file))
    site = Site(tmp_path / "library", tmp_path / "index", *options, "--head-start", "600")
    context = open_page(browser, site.url, console, **PHONE)
    page = context.new_page()
    page.goto("")
    yield page
    context.close()
    site.stop()


def enter(page: Page, text: str) -> None:
    page.get_by_label("Passcode").fill(text)
    page.get_by_role("button", name="Show the photos").tap()


def test_the_right_passcode_shows_the_photos_until_it_runs_out(closed_page: Page) -> None:
    enter(closed_page, "not this one")
    expect(closed_page.get_by_role("alert")).not_to_be_empty()
    enter(closed_page, PASSCODE)
    expect(closed_page.locator(".tile.loaded")).to_have_count(1)
    closed_page.context.clear_cookies()
    closed_page.locator(".tile a").tap()
    expect(closed_page.get_by_label("Passcode")).to_be_visible()


@pytest.mark.parametrize("button", ["Sign out", "Sign out on all devices"])
def test_signing_out_asks_for_the_passcode_again(closed_page: Page, button: str) -> None:
    enter(closed_page, PASSCODE)
    expect(closed_page.locator(".tile.loaded")).to_have_count(1)
    closed_page.goto("?view=status")
    closed_page.get_by_role("button", name=button, exact=True).tap()
    expect(closed_page.get_by_label("Passcode")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_the_passcode_is_asked_for(closed_page: Page, scheme: str) -> None:
    closed_page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    enter(closed_page, "not this one")
    expect(closed_page.get_by_role("alert")).not_to_be_empty()
    closed_page.evaluate(AXE)
    found = closed_page.evaluate("axe.run()")["violations"]
    assert [rule["id"] for rule in found] == []
