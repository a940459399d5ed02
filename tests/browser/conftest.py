"""Headless Chromium, at a desk and on a phone, in front of the real server and model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.browser import photos
from tools.testing.browsers import DESK, NO_CHROMIUM, PHONE, chromium
from tools.testing.site import Site
from tools.testing.waiting import PATIENCE_S

# Not the first visit: the hint that greets it has a test of its own. (about:blank has no storage.)
RETURNING = "if (location.protocol === 'http:') localStorage.setItem('hint', 'known');"
HERE = Path(__file__).parent
PATIENCE_MS = 1000 * PATIENCE_S / 2  # so that a hang is seen before pytest-timeout ends it all


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("browser")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium from PATH; without one the tests skip.

    It ends with this package: while it lives, Playwright's event loop counts as the running one.
    """
    path = chromium()
    if path is None:
        pytest.skip(NO_CHROMIUM)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Site]:
    """The photos of `photos.fill`, indexed and served with the real model."""
    folder = tmp_path_factory.mktemp("browser")
    library = folder / "Holidays"
    library.mkdir()
    photos.fill(library)
    site = Site(library, folder / "index", "--model", str(model), "--no-watch")
    try:
        site.wait_until_indexed(photos.IMAGES)
        yield site
    finally:
        site.stop()


class Console:
    """What the browser complained about; whatever the test did not expect fails it."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        # Where the device is busy; the page shows the original instead.
        self._expected = ["503.*/previews/"]

    def expect(self, pattern: str) -> None:
        self._expected.append(pattern)

    def watch(self, page: Page) -> None:
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.text} ({message.location['url']})")

    def unexpected(self) -> list[str]:
        return [e for e in self.errors if not any(re.search(p, e) for p in self._expected)]


@pytest.fixture
def console() -> Iterator[Console]:
    console = Console()
    yield console
    assert console.unexpected() == []


def open_page(
    browser: Browser,
    base_url: str,
    console: Console,
    first_visit: bool = False,
    **options: Any,
) -> BrowserContext:
    context = browser.new_context(base_url=base_url, reduced_motion="reduce", **options)
    context.set_default_timeout(PATIENCE_MS)
    if not first_visit:
        context.add_init_script(RETURNING)
    context.on("page", console.watch)
    return context


@pytest.fixture
def page(browser: Browser, site: Site, console: Console) -> Iterator[Page]:
    """A window of 1280 × 800 with a mouse."""
    context = open_page(browser, site.url, console, **DESK)
    yield context.new_page()
    context.close()


@pytest.fixture
def phone(browser: Browser, site: Site, console: Console) -> Iterator[Page]:
    """A touch screen of 390 × 844."""
    context = open_page(browser, site.url, console, **PHONE)
    yield context.new_page()
    context.close()
