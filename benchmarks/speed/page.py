"""Measures the page in headless Chromium, in front of the real server.

    python -m benchmarks.speed.page [--images N] [--repeats N] [--write docs/page.md]

The index is made up: its vectors have 16 numbers, because what a search costs the device is
measured by `benchmarks.speed.search`, and taken off here.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from edge_app.api.files.page import STATIC
from edge_app.config import Config
from edge_app.guard.compress import LEVEL
from tools import report
from tools.testing import manyimages, measures
from tools.testing.browsers import DESK, NO_CHROMIUM, PHONE, chromium
from tools.testing.site import Site

SCREENS = 50
TEXTS = ("index.html", "manifest.webmanifest", "icons/*.svg", "css/*.css", "js/**/*.js")
LANGUAGES = "messages/*.js"  # a reader fetches one of them
HEAD = (
    "",
    "goal",
    *(f"{size['viewport']['width']} × {size['viewport']['height']}" for size in (DESK, PHONE)),
)


def main() -> None:
    """Measure each size of window, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=7, help="fresh visits of each window")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    path = chromium()
    if path is None:
        raise SystemExit(NO_CHROMIUM)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        library, index = Path(folder) / "library", Path(folder) / "index"
        library.mkdir()
        with manyimages.filled(index, library, options.images):
            site = Site(library, index, "--model", str(Config().model), "--no-watch")
            try:
                sizes = [measure(browser, site, size, options.repeats) for size in (DESK, PHONE)]
            finally:
                site.stop()
        version = browser.version
    goals = ("1,000 ms", "150 ms", "500", "60 MB", "0")
    names = (
        "first 12 thumbnails after navigation",
        "click to matches, besides the search",
        f"elements while scrolling {SCREENS} screens, at most",
        "JavaScript's heap after that, typed arrays included",
        "layout shift (CLS) until then",
    )
    rows = list(zip(names, goals, *sizes, strict=True))
    text = "\n".join(
        [
            f"A gallery of {options.images:,} images; of {options.repeats} fresh visits the "
            "median, the worst in brackets.",
            "",
            *report.markdown(HEAD, rows),
            "",
            f"The app itself: {transfer_bytes():,} bytes compressed, of {90 * 1024:,}.",
            "",
            f"Chromium {version}, headless; {report.machine()}",
        ]
    )
    report.publish("page", text, options.write)


def measure(browser: Browser, site: Site, size: dict[str, object], repeats: int) -> list[str]:
    """One column of the table: what one size of window costs."""
    first, click, nodes, heap, shifts = [], [], [], [], []
    for _ in range(repeats):
        context = browser.new_context(**size)  # type: ignore[arg-type]
        page = context.new_page()
        page.add_init_script(measures.NOTE_SHIFTS)
        measures.open_whole(page, site.url)
        first.append(measures.first_thumbnails_ms(page))
        took_ms, search_ms = measures.click_ms(page)
        click.append(took_ms - search_ms)
        page.go_back()
        nodes.append(measures.scroll(page, SCREENS))
        heap.append(measures.heap_bytes(page) / 1e6)
        shifts.append(sum(value for value, *_ in page.evaluate("window.shifted")))
        context.close()
    return [
        spread(first, "ms"),
        spread(click, "ms"),
        f"{max(nodes)}",
        spread(heap, "MB"),
        f"{max(shifts):.3g}",
    ]


def spread(values: Sequence[float], unit: str) -> str:
    """The median, and the worst beside it."""
    return f"{statistics.median(values):.0f} {unit} ({max(values):.0f})"


def transfer_bytes() -> int:
    """Every file of the app as the server sends it."""
    texts = [file for pattern in TEXTS for file in STATIC.glob(pattern)]
    texts.append(max(STATIC.glob(LANGUAGES), key=lambda file: file.stat().st_size))
    return sum(len(gzip.compress(file.read_bytes(), LEVEL)) for file in texts)


if __name__ == "__main__":
    main()
