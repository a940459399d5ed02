"""What the page costs a browser, as the browser itself tells it."""

from __future__ import annotations

from playwright.sync_api import Page

from tools.testing.looks import expect_thumbnails, wait_until

SEEN_AT_ONCE = 12  # thumbnails of the first screen
SCREEN_PX = 800
PAUSE_MS = 30  # between two turns of the wheel

# Every shift of the layout that no click or key explains, from the first moment on.
NOTE_SHIFTS = """window.shifted = []; new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted.push(
        [entry.value, ...entry.sources.map(({node}) => node?.className || node?.nodeName)]);
}).observe({type: 'layout-shift', buffered: true});"""


def open_whole(page: Page, url: str) -> None:
    """Open a long gallery and wait until all of it can be scrolled."""
    page.goto(url)
    expect_thumbnails(page)
    wait_until(page, "document.documentElement.scrollHeight > 1_000_000")
    expect_thumbnails(page)


def first_thumbnails_ms(page: Page) -> float:
    """When the first screen's thumbnails had come, from the start of the navigation."""
    took: float = page.evaluate(
        f"""() => performance.getEntriesByType('resource')
            .filter(entry => entry.name.includes('/thumbs/'))
            .map(entry => entry.responseEnd).sort((a, b) => a - b)[{SEEN_AT_ONCE - 1}]"""
    )
    return took


def scroll(page: Page, screens: int) -> int:
    """Turn the wheel for so many screens; the most elements the page had meanwhile."""
    page.mouse.move(600, 400)
    most = 0
    for _ in range(screens):
        page.mouse.wheel(0, SCREEN_PX)
        page.wait_for_timeout(PAUSE_MS)
        most = max(most, page.evaluate("document.querySelectorAll('*').length"))
    wait_until(page, f"scrollY >= {screens * SCREEN_PX}")
    expect_thumbnails(page)
    return most


def heap_bytes(page: Page) -> float:
    """What JavaScript keeps, typed arrays included, after collecting garbage."""
    client = page.context.new_cdp_session(page)
    client.send("HeapProfiler.collectGarbage")
    usage = client.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage["backingStorageSize"])


def click_ms(page: Page) -> tuple[float, float]:
    """From a click on the first photo to its matches on the screen; and the search's part of it."""
    page.evaluate(
        """() => addEventListener('click', () => {
            const start = performance.now();
            const seen = () => document.querySelector('.score')
                ? requestAnimationFrame(() => { window.took = performance.now() - start; })
                : requestAnimationFrame(seen);
            seen();
        }, { once: true, capture: true })"""
    )
    page.locator(".tile a").first.click()
    wait_until(page, "window.took")
    took, search = page.evaluate(
        """() => [window.took, performance.getEntriesByType('resource')
            .find(entry => entry.name.includes('/similar')).duration]"""
    )
    return took, search
