"""The main walks in WebKit, which iPhones have, and in Firefox."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import pytest

from tests.browser import photos
from tests.browser.engines import ENGINES, Engine, wait
from tests.browser.test_upload import CARRY
from tools.testing.site import Site

THUMBNAILS = """document.querySelectorAll('.tile').length > 0
    && !document.querySelector('.tile:not(.loaded)')"""
# One finger, or two, from places to places; the page asks no more of a touch than this.
TOUCH = """(async () => {
    const on = document.querySelector('.stage');
    const send = (type, points) => on.dispatchEvent(Object.assign(
        new Event(type, {bubbles: true, cancelable: true}),
        {touches: points.map(([clientX, clientY]) => ({clientX, clientY}))}));
    const paths = %s;
    const at = (part) => paths.map(([[x, y], [toX, toY]]) =>
        [x + (toX - x) * part, y + (toY - y) * part]);
    send('touchstart', at(0));
    for (let step = 1; step <= 8; step += 1) {
        send('touchmove', at(step / 8));
        await new Promise(resolve => setTimeout(resolve, 16));
    }
    send('touchend', []);
    return true;
})()"""


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with ENGINES[request.param]() as engine:
        yield engine


def click(engine: Engine, css: str) -> None:
    wait(engine, f"document.querySelector({css!r}) !== null")
    engine.run(f"(document.querySelector({css!r}).click(), true)")


def press(engine: Engine, key: str) -> None:
    event = f"new KeyboardEvent('keydown', {{key: {key!r}, bubbles: true, cancelable: true}})"
    engine.run(
        f"((document.querySelector('dialog[open]') ?? document.body).dispatchEvent({event}))"
    )


def open_photo(engine: Engine, site: Site, name: str, more: str = "") -> None:
    engine.open(f"{site.url}?view=similar&id={site.id_of(name)}{more}")
    wait(engine, THUMBNAILS)


def shown(engine: Engine, name: str) -> None:
    wait(engine, f"document.querySelector('.frame .large')?.alt === {name!r}")


def test_gallery_scroll_and_back(engine: Engine, site: Site) -> None:
    engine.open(site.url)
    wait(engine, THUMBNAILS)
    click(engine, ".hint button")  # a first visit
    engine.run("(scrollTo(0, 900), true)")
    wait(engine, "scrollY === 900")
    wait(engine, THUMBNAILS)
    click(engine, '.tile a[tabindex="0"]')
    wait(engine, "document.body.dataset.view === 'similar'")
    wait(engine, THUMBNAILS)
    engine.run("(history.back(), true)")
    wait(engine, "document.body.dataset.view === 'gallery' && Math.abs(scrollY - 900) <= 1")


def test_similar_and_the_walk_through_the_matches(engine: Engine, site: Site) -> None:
    open_photo(engine, site, "photo-05.jpg")
    best = engine.run("document.querySelector('.tile[aria-posinset=\"1\"] a').title")
    assert best == "smaller.jpg"
    click(engine, '.tile[aria-posinset="1"] a')
    shown(engine, "smaller.jpg")
    wait(engine, "document.querySelector('.place-of').textContent.startsWith('Match 1 of')")
    press(engine, "ArrowRight")
    wait(engine, "document.querySelector('.place-of').textContent.startsWith('Match 2 of')")
    press(engine, "Escape")
    shown(engine, "photo-05.jpg")


def test_a_swipe_turns_and_a_pull_closes(engine: Engine, site: Site) -> None:
    engine.open(f"{site.url}?sort=name&format=JPEG")
    wait(engine, THUMBNAILS)
    click(engine, 'a[title="photo-01.jpg"]')
    shown(engine, "photo-01.jpg")
    wait(engine, "document.querySelector('.place-of').textContent.startsWith('2 of')")
    engine.run(TOUCH % "[[[300, 200], [100, 205]]]")
    shown(engine, "photo-02.jpg")
    wait(engine, "document.querySelector('.place-of').textContent.startsWith('3 of')")
    engine.run(TOUCH % "[[[300, 150], [305, 400]]]")
    wait(engine, "document.body.dataset.view === 'gallery'")


def test_a_region_is_searched(engine: Engine, site: Site) -> None:
    open_photo(engine, site, "two-in-one.png", "&box=0.01,0.02,0.48,0.96")
    wait(engine, "!document.querySelector('.region').hidden")
    first = "document.querySelector('.tile[aria-posinset=\"1\"] a')?.title"
    wait(engine, f"{first} === 'photo-08.jpg'")
    press(engine, "Escape")
    wait(engine, "document.querySelector('.region').hidden")
    wait(engine, "!location.search.includes('box')")


def test_a_photo_is_dropped_and_searched(engine: Engine, site: Site) -> None:
    engine.open(f"{site.url}?view=upload")
    wait(engine, "document.querySelector('.intake') !== null")
    mine = io.BytesIO()
    photos.scene(12, 600, 400).resize((500, 340)).save(mine, "PNG")
    data = base64.b64encode(mine.getvalue()).decode()
    engine.run(f"(({CARRY})(['image/png', 'drop', {data!r}]), true)")
    wait(engine, "document.querySelector('.tile[aria-posinset=\"1\"] a')?.title === 'photo-12.jpg'")
    wait(engine, "document.querySelector('.frame .large').naturalWidth === 500")


def test_duplicates_are_marked(engine: Engine, site: Site) -> None:
    engine.open(f"{site.url}?view=duplicates&kind=identical")
    click(engine, ".dupes input")
    wait(engine, "document.querySelector('.listbar').textContent.includes('1 photo marked')")
    click(engine, ".dupes input:checked")
    wait(engine, "!document.querySelector('.dupes input:checked')")


def test_zoom_by_pinch_key_and_flick(engine: Engine, site: Site) -> None:
    open_photo(engine, site, "photo-06.jpg")
    engine.run(TOUCH % "[[[180, 200], [110, 200]], [[210, 200], [280, 200]]]")
    wait(engine, "document.querySelector('dialog.zoom[open]') !== null")
    width = "document.querySelector('.zoom img').getBoundingClientRect().width"
    fitted = "Math.min(innerWidth, innerHeight)"  # of a square one
    wait(engine, f"{width} > 1.5 * {fitted}")
    press(engine, "0")
    wait(engine, f"Math.abs({width} - {fitted}) < 20")
    click(engine, ".zoom .controls button:last-child")
    wait(engine, "!location.search.includes('zoom')")


def test_slideshow_and_drift(engine: Engine, site: Site) -> None:
    engine.open(f"{site.url}?view=frame&sort=name&format=JPEG")
    slide = "[...document.querySelectorAll('.slides img.on')].at(-1)?.alt"
    wait(engine, f"{slide} === 'photo-00.jpg'")
    press(engine, "ArrowRight")
    wait(engine, f"{slide} === 'photo-01.jpg'")
    press(engine, "d")
    wait(engine, f"location.search.includes('drift=1') && {slide} !== 'photo-01.jpg'")


def test_a_download_is_taken_once_the_device_has_granted_it(engine: Engine, site: Site) -> None:
    open_photo(engine, site, "photo-05.jpg")
    clicks = """addEventListener('click', (event) => {
        clicks.push(event.defaultPrevented);
        event.preventDefault(); // nothing is left in anybody's folder
    })"""
    engine.run(f"(window.clicks = [], {clicks}, true)")
    click(engine, "a.action[download]")
    wait(engine, "clicks.join() === 'true,false'")
