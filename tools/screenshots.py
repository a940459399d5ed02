"""Makes the README's pictures: the sample photos, indexed and served, in headless Chromium.

Usage: python tools/screenshots.py, or `make screenshots`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))


from tools import samples  # noqa: E402
from tools.testing.browsers import DESK, NO_CHROMIUM, PHONE, chromium  # noqa: E402
from tools.testing.looks import expect_thumbnails  # noqa: E402
from tools.testing.site import Site  # noqa: E402

IMAGES = ROOT / "docs/images"
QUALITY = 72  # of the JPEG files


def main() -> None:
    """Write every picture anew."""
    path = chromium()
    if path is None:
        sys.exit(NO_CHROMIUM)
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "Sample photos"
        samples.unpack(library)
        site = Site(library, Path(folder) / "index", "--no-watch")
        try:
            site.wait_until_indexed(len(samples.photos()))
            with sync_playwright() as playwright:
                take_all(playwright.chromium.launch(executable_path=path), site)
        finally:
            site.stop()


def take_all(browser: Browser, site: Site) -> None:
    """Each view once, at a desk or on a phone, light or dark."""
    windmill = site.id_of("windmill-4.webp")
    castle = site.id_of("chateau-de-chambord.webp")
    light, dark = {"color_scheme": "light"}, {"color_scheme": "dark"}
    phone = {**PHONE, "device_scale_factor": 1.5}  # sharp enough at half its size
    region = f"?view=similar&id={castle}&box=0.3,0.1,0.4,0.5"
    similar = f"?view=similar&id={windmill}"
    shots: list[tuple[str, str, dict[str, Any]]] = [
        ("gallery", "?sort=name", DESK | light),
        ("similar", similar, DESK | light),
        ("region", region, DESK | dark),
        ("phone-gallery", "?sort=name", phone | light),
        ("phone-similar", similar, phone | dark),
    ]
    for name, url, options in shots:
        page = browser.new_page(base_url=site.url, reduced_motion="reduce", **options)
        page.add_init_script("localStorage.setItem('hint', 'known')")  # not a first visit
        page.goto(url)
        take(page, name)
        page.close()


def take(page: Page, name: str) -> None:
    """One picture, once every photo in it is there."""
    expect_thumbnails(page)
    if page.locator(".frame").count():
        expect(page.locator(".frame.loaded")).to_be_visible()
    page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=QUALITY)


if __name__ == "__main__":
    main()
