"""Makes the README's pictures: the sample photos, indexed and served, in headless Chromium.

Usage: python tools/screenshots.py, or `make screenshots`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from edge_app.config import Config  # noqa: E402
from tools.samples import PHOTOS  # noqa: E402
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
        library.mkdir()
        copy_samples(library)
        site = Site(library, Path(folder) / "index", "--no-watch")
        try:
            site.wait_until_indexed(len(PHOTOS))
            with sync_playwright() as playwright:
                take_all(playwright.chromium.launch(executable_path=path), site)
        finally:
            site.stop()


def copy_samples(library: Path) -> None:
    """Put the sample photos there, and nothing else that the default gallery may hold."""
    subprocess.run([sys.executable, "-m", "tools.samples"], cwd=ROOT, check=True)
    gallery = ROOT / Config().gallery
    missing = [name for name in PHOTOS if not (gallery / name).exists()]
    if missing:
        sys.exit(f"{gallery} holds other photos than the samples: {missing[0]} is not there")
    for name in PHOTOS:
        shutil.copy(gallery / name, library)


def take_all(browser: Browser, site: Site) -> None:
    """Each view once, at a desk or on a phone, light or dark."""
    motorcycle = site.id_of("motorcycle_left.png")
    astronaut = site.id_of("astronaut.png")
    light, dark = {"color_scheme": "light"}, {"color_scheme": "dark"}
    phone = {**PHONE, "device_scale_factor": 1.5}  # sharp enough at half its size
    region = f"?view=similar&id={astronaut}&box=0.3,0.04,0.3,0.32"
    similar = f"?view=similar&id={motorcycle}"
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
