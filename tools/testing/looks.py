"""What several browser tests ask of a page."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Locator, Page, Route, expect

from tools.testing.waiting import PATIENCE_S


def tile(page: Page, name: str) -> Locator:
    """The link of the photo with this file name, alone or with its score."""
    return page.locator(f'.tile a[title="{name}"]')


def names(page: Page) -> list[str]:
    """Names of the photos in the page, top left to bottom right."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('.tile')]
            .sort((a, b) => a.ariaPosInSet - b.ariaPosInSet)
            .map(tile => tile.querySelector('a').title)"""
    )
    return found


def expect_thumbnails(page: Page) -> None:
    """Wait until every tile in the page shows its thumbnail."""
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.locator(".tile:not(.loaded)")).to_have_count(0)


def expect_view(page: Page, name: str) -> None:
    """Wait until this view is on show; until then thumbnails are those of the one before."""
    expect(page.locator("body")).to_have_attribute("data-view", name)


def expect_first(page: Page, name: str) -> None:
    """Wait until the best match is this photo."""
    expect(page.locator('.tile[aria-posinset="1"] a')).to_have_attribute("title", name)


def wait_until(page: Page, expression: str) -> None:
    """Wait until JavaScript says so. Playwright's own way needs `eval`, which the page forbids."""
    deadline = time.monotonic() + PATIENCE_S
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(30)


def hold(page: Page, address: str | re.Pattern[str]) -> list[Route]:
    """What is asked for here from now on, unanswered until a test lets it go on."""
    held: list[Route] = []
    page.route(address, lambda route: held.append(route))
    return held
