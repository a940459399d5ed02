"""Listings against the plain way: all images, filtered and sorted in Python."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from edge_app.errors import UsageError
from edge_app.index.format.records import (
    ORIENTATIONS,
    UNDATED,
    ImageRecord,
    RejectedRecord,
    name_key,
)
from edge_app.index.read.filters import Filter
from edge_app.index.read.reader import Reader
from edge_app.index.write.batch import Batch
from tests.indexes import new_image, writer_of

FOLDERS = ["", "2019", "2019/may", "2019/may/trip", "2019-extra", "a b", os.fsdecode(b"\xff\xfe")]
SHAPES = [(400, 300), (300, 400), (500, 500), (1000, 999)]
IMAGES = [
    new_image(
        f"{folder}/IMG_{number}.jpg".lstrip("/"),
        format=("JPEG", "JPEG", "PNG", "GIF")[number % 4],
        width_px=SHAPES[number % 4][0],
        height_px=SHAPES[number % 4][1],
        # Many share a time, and some have none.
        taken_at=None if number % 7 == 5 else 1_500_000_000 + number % 6 * 86_400,
    )
    for number, folder in enumerate(FOLDERS * 9)
]
FILTERS = [
    Filter(),
    Filter(folder=""),
    Filter(folder="2019"),
    Filter(folder="2019/may/"),
    Filter(folder=FOLDERS[-1]),
    Filter(folder="nowhere"),
    Filter(formats=frozenset(["PNG", "GIF"])),
    Filter(formats=frozenset()),
    Filter(orientation="portrait"),
    Filter(taken_from=1_500_000_000 + 86_400, taken_to=1_500_000_000 + 3 * 86_400),
    Filter(taken_from=-(2**62)),
    Filter(taken_to=2**62),
    Filter(undated=True),
    Filter(folder="2019", formats=frozenset(["JPEG"]), orientation="landscape"),
]
KEYS: dict[str, Any] = {
    "date": lambda image: (image.taken_at or 0, image.id),
    "name": lambda image: (name_key(image.name), image.id),
    "folder": lambda image: (os.fsencode(image.folder), name_key(image.name), image.id),
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("listing")
    broken = [RejectedRecord(f"{n:02d}.jpg", n, n, "cut short") for n in range(25)]
    with writer_of(folder) as writer:
        writer.commit(Batch(images=IMAGES, rejected=broken))
        writer.commit(Batch(offline=[3, 4]))
    with Reader(folder / "index") as reader:
        yield reader


def passes(image: ImageRecord, filter: Filter) -> bool:
    below = f"{image.folder}/".startswith(f"{(filter.folder or '').rstrip('/')}/")
    return (
        (not filter.folder or below)
        and (filter.formats is None or image.format in filter.formats)
        and (filter.orientation is None or ORIENTATIONS[image.orientation] == filter.orientation)
        and (filter.taken_from is None or filter.taken_from <= dated(image, never=-(2**63)))
        and (filter.taken_to is None or dated(image, never=2**63) <= filter.taken_to)
        and (not filter.undated or image.taken_at is None)
    )


def dated(image: ImageRecord, never: int) -> int:
    return never if image.taken_at is None else image.taken_at


def expected(reader: Reader, sort: str, filter: Filter) -> list[ImageRecord]:
    images = [image for image in reader.images(range(100)) if passes(image, filter)]
    images.sort(key=KEYS[sort.lstrip("-")], reverse=sort.startswith("-"))
    if "date" in sort:
        images.sort(key=lambda image: image.taken_at is None)  # the last group, either way
    return images


ORDERS = [sign + sort for sign, sort in product(["", "-"], KEYS)]


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("filter", FILTERS)
def test_pages_put_together_are_the_whole_listing(
    reader: Reader, sort: str, filter: Filter
) -> None:
    wanted = expected(reader, sort, filter)
    found: list[ImageRecord] = []
    cursor: str | None = None
    while True:
        page = reader.page(sort, filter, cursor, limit=10)
        assert page.total == len(wanted)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
        assert len(page.items) == 10
    assert found == wanted


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("filter", FILTERS)
def test_a_layout_places_every_image_of_the_listing(
    reader: Reader, sort: str, filter: Filter
) -> None:
    wanted = expected(reader, sort, filter)
    layout, total = reader.layout(sort, filter)
    assert total == len(wanted)
    assert layout.ids.tolist() == [image.id for image in wanted]
    assert layout.taken_at.tolist() == [dated(image, never=UNDATED) for image in wanted]
    ratios = [round(image.width_px * 100 / image.height_px) for image in wanted]
    assert layout.ratios.tolist() == ratios


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("limit", [1, 7, 10_000])
def test_parts_of_a_layout_put_together_are_the_whole(
    reader: Reader, sort: str, filter: Filter, limit: int
) -> None:
    whole, total = reader.layout(sort, filter)
    for offset in range(0, total + 2, max(1, min(limit, total // 3))):
        part, of = reader.layout(sort, filter, offset, limit)
        assert of == total
        assert part.ids.tolist() == whole.ids[offset : offset + limit].tolist()
        assert part.taken_at.tolist() == whole.taken_at[offset : offset + limit].tolist()


@pytest.mark.parametrize("filter", FILTERS)
def test_a_search_may_return_what_a_listing_shows(reader: Reader, filter: Filter) -> None:
    snapshot = reader.snapshot()
    mask = filter.mask(snapshot)
    wanted = snapshot.live if mask is None else snapshot.live & mask
    shown = {image.id for image in expected(reader, "date", filter)}
    assert set(snapshot.ids[wanted].tolist()) == shown


@pytest.mark.parametrize("sort", ORDERS)
def test_a_page_is_found_without_sorting(reader: Reader, sort: str) -> None:
    """Or it would cost more with every image there is."""
    plans: list[str] = []
    with reader._reading() as catalog:
        connection = catalog.connection
        connection.set_trace_callback(plans.append)
        page = reader.page(sort, limit=10)
        reader.page(sort, cursor=page.next, limit=10)
        connection.set_trace_callback(None)
        selects = [sql for sql in plans if "ORDER BY" in sql]
        assert len(selects) == 2
        for sql in selects:
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            assert not [step for step in steps if "TEMP B-TREE" in step], steps


def test_images_that_come_and_go_neither_repeat_nor_hide_others(tmp_path: Path) -> None:
    with writer_of(tmp_path) as writer, Reader(tmp_path / "index") as reader:
        writer.commit(Batch(images=[new_image(f"{n}.jpg") for n in range(10, 20)]))
        first = reader.page("name", limit=4)
        writer.commit(
            Batch(
                images=[new_image("00.jpg"), new_image("15b.jpg")],
                removed=[first.items[-1].id, first.items[-1].id + 1],
            )
        )
        second = reader.page("name", cursor=first.next, limit=4)
        assert [image.name for image in second.items] == [
            "15.jpg",
            "15b.jpg",
            "16.jpg",
            "17.jpg",
        ]


@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        ("date", "1"),
        ("date", "1.2.3"),
        ("date", "x.1"),
        ("name", "zz.1"),
        ("name", "61."),
        ("folder", "61.1"),
        ("-folder", "61.61.one"),
        ("date", "9" * 5000 + ".1"),
        ("-date", "9" * 30 + ".1"),
        ("name", "61." + "9" * 30),
    ],
)
def test_a_cursor_of_something_else_is_refused(reader: Reader, sort: str, cursor: str) -> None:
    with pytest.raises(UsageError, match="cursor"):
        reader.page(sort, cursor=cursor)


def test_an_unknown_order_is_refused(reader: Reader) -> None:
    with pytest.raises(UsageError, match="sort 'size' is not one of date, name, folder"):
        reader.page("size")


def test_images_come_in_the_order_asked_for(reader: Reader) -> None:
    assert [image.id for image in reader.images([9, 2, 4711, 3])] == [9, 2, 3]


def test_folders_count_what_they_hold_themselves(reader: Reader) -> None:
    assert reader.folders() == [(folder, 9) for folder in sorted(FOLDERS, key=os.fsencode)]


def test_facets_count_what_there_is_to_filter_by(reader: Reader) -> None:
    facets = reader.facets()
    images = expected(reader, "date", Filter())
    assert dict(facets.formats) == Counter(image.format for image in images)
    assert facets.formats[0][0] == "JPEG", "commonest first"
    counts = Counter(ORIENTATIONS[image.orientation] for image in images)
    assert dict(facets.orientations) == counts
    times = [image.taken_at for image in images if image.taken_at is not None]
    assert (facets.taken_from, facets.taken_to) == (times[0], times[-1])
    assert facets.undated == len(images) - len(times) > 0


def test_rejected_files_come_in_pages(reader: Reader) -> None:
    first = reader.rejected(limit=20)
    second = reader.rejected(cursor=first.next, limit=20)
    assert [item.path for item in first.items + second.items] == [f"{n:02d}.jpg" for n in range(25)]
    assert (first.total, second.next) == (25, None)
    with pytest.raises(UsageError, match="cursor"):
        reader.rejected(cursor="no hex")


def test_counts(reader: Reader) -> None:
    counts = reader.counts()
    assert (counts.images, counts.rejected, counts.offline) == (len(IMAGES), 25, 2)
