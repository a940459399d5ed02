"""The catalogue keeps what it is told, byte for byte, and finds it again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_app.index.format.catalog import Catalog
from edge_app.index.format.records import ImageRecord, RejectedRecord, RowRecord, name_key
from edge_app.index.write import known

IMAGE = ImageRecord(
    id=1,
    path="2019/may/IMG_1.jpg",
    size_bytes=3_000_000,
    mtime_ns=1_600_000_000_123_456_789,
    content=bytes(range(200, 216)),
    width_px=4000,
    height_px=3000,
    format="JPEG",
    taken_at=1_557_000_000,
    taken_from="exif",
    camera="Ünïcode 7",
    note=None,
    raws=("IMG_1.CR2", "IMG_1.dng"),
    offline=False,
    thumb_offset=12,
    thumb_bytes=34,
    thumb_crc=2**32 - 1,
    pattern=2**64 - 2,
    located=True,
    taken_ms=999,
)
# Any name a Linux file system can hold: bytes without "/" and NUL.
NAMES = st.binary(min_size=1, max_size=30).map(
    lambda name: os.fsdecode(name.replace(b"/", b"-").replace(b"\0", b"-"))
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    Catalog.create(tmp_path / "catalog.db")
    with closing(Catalog.connect(tmp_path / "catalog.db", "mode=rw")) as catalog:
        yield catalog


def put(catalog: Catalog, *images: ImageRecord) -> None:
    with catalog.transaction():
        for image in images:
            catalog.put_image(image)


def test_an_image_comes_back_as_it_was_put(catalog: Catalog) -> None:
    other = replace(IMAGE, id=2, path="top.png", format="PNG", camera=None, offline=True)
    put(catalog, IMAGE, other)
    assert catalog.image(1) == IMAGE
    assert catalog.image_at("top.png") == other
    assert catalog.image(3) is None
    assert catalog.image_at("2019/may") is None
    assert catalog.images(0, 10) == [IMAGE, other]


@given(folders=st.lists(NAMES, max_size=3), name=NAMES)
def test_any_name_round_trips_as_bytes(folders: list[str], name: str) -> None:
    image = replace(IMAGE, path="/".join([*folders, name]))
    with closing(Catalog.empty()) as catalog:
        put(catalog, image)
        assert catalog.image_at(image.path) == image
        assert [*known.known(catalog, 1)] == [image.path]


def test_putting_an_image_again_replaces_it(catalog: Catalog) -> None:
    put(catalog, IMAGE)
    moved = replace(IMAGE, path="elsewhere.jpg", offline=True)
    put(catalog, moved)
    assert catalog.images(0, 10) == [moved]


def test_two_images_cannot_be_at_one_path(catalog: Catalog) -> None:
    put(catalog, IMAGE)
    with pytest.raises(sqlite3.IntegrityError):
        put(catalog, replace(IMAGE, id=2))
    assert catalog.images(0, 10) == [IMAGE]


def test_known_says_whether_an_image_is_embedded_in_a_generation(catalog: Catalog) -> None:
    put(
        catalog,
        IMAGE,
        replace(IMAGE, id=2, path="b.jpg"),
        replace(IMAGE, id=3, path="c.jpg", thumb_bytes=0),
    )
    with catalog.transaction():
        catalog.put_row(RowRecord(5, 0, 1, 11, 12, 0))
        catalog.put_row(RowRecord(6, 0, 2, 21, 22, 0))
        catalog.put_row(RowRecord(5, 1, 3, 31, 32, 0))
    embedded = {path for path, file in known.known(catalog, 5).items() if file.embedded}
    assert embedded == {IMAGE.path}, "no row in generation 5, or no thumbnail"


def test_dropping_rows_names_the_generations_that_had_one(catalog: Catalog) -> None:
    put(catalog, IMAGE)
    with catalog.transaction():
        catalog.put_row(RowRecord(5, 0, 1, 11, 12, 0))
        catalog.put_row(RowRecord(6, 0, 1, 11, 12, 0))
        assert known.drop_rows(catalog, 1, 6) == [6]
        assert known.drop_rows(catalog, 1) == [5]
        assert known.drop_rows(catalog, 1) == []


def test_a_reason_may_quote_a_name_that_is_not_text(catalog: Catalog) -> None:
    path = os.fsdecode(b"bad\xff.jpg")
    with catalog.transaction():
        known.put_rejected(catalog, RejectedRecord(path, 1, 2, f"can't read {path}"))
    assert known.rejected(catalog) == {path: RejectedRecord(path, 1, 2, "can't read bad?.jpg")}


def test_a_failed_transaction_leaves_nothing(catalog: Catalog) -> None:
    with pytest.raises(ZeroDivisionError), catalog.transaction():
        catalog.put_image(IMAGE)
        1 / 0  # noqa: B018
    assert catalog.image(1) is None


def test_each_commit_waits_for_the_medium(catalog: Catalog) -> None:
    assert catalog.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert catalog.connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_file_that_is_no_catalogue_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_text("not a database, but long enough to look like a file")
    with pytest.raises(sqlite3.DatabaseError):
        Catalog.connect(tmp_path / "catalog.db", "mode=ro")


def test_names_sort_as_people_read_them() -> None:
    names = ["IMG_10.jpg", "img_9.jpg", "b.jpg", "A.jpg", "ä.jpg", "img_9a.jpg"]
    assert sorted(names, key=name_key) == [
        "A.jpg",
        "b.jpg",
        "img_9.jpg",
        "img_9a.jpg",
        "IMG_10.jpg",
        "ä.jpg",
    ]
