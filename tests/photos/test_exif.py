"""exif: the date and the camera as people would write them, and nothing from damaged metadata."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from io import BytesIO

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from edge_app.photos.reading import exif

NOON = int(datetime(2019, 5, 4, 12, 0, 0, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(("value", "orientation"), [(6, 6), (8, 8), (9, 1), (0, 1), ("6", 1)])
def test_an_orientation_among_the_tags_of_a_format_is_1_to_8(
    value: object, orientation: int
) -> None:
    assert exif.orientation(None, "TIFF", {Base.Orientation: value}) == orientation


@pytest.mark.parametrize(
    "text", ["2019:05:04 12:00:00", "2019:05:04 12:00:00\0", "2019:05:04 12:00:00  "]
)
def test_a_date_is_the_wall_clock_read_as_utc(text: str) -> None:
    assert exif.taken_at({Base.DateTimeOriginal: text}) == NOON
    assert exif.taken_at({Base.DateTimeOriginal: text.encode()}) == NOON


def test_a_date_before_1970_is_negative() -> None:
    assert exif.taken_at({Base.DateTimeOriginal: "1969:12:31 23:59:59"}) == -1


@pytest.mark.parametrize(
    "value",
    [
        "0000:00:00 00:00:00",
        "2019:13:01 00:00:00",
        "2019:02:29 00:00:00",
        "2019:05:04 24:00:00",
        "2019:05",
        "٢٠١٩:05:04 12:00:00",
        "",
        None,
        b"\xff\xfe2019",
        20190504,
    ],
)
def test_what_is_no_date_is_none(value: object) -> None:
    assert exif.taken_at({Base.DateTimeOriginal: value}) is None


def test_when_it_was_taken_counts_more_than_when_it_was_digitised_or_changed() -> None:
    tags: exif.Tags = {
        Base.DateTime: "2021:01:01 00:00:00",
        Base.DateTimeDigitized: "2019:05:04 12:00:00",
    }
    assert exif.taken_at(tags) == NOON
    assert exif.taken_at({**tags, Base.DateTimeOriginal: "1970:01:01 00:00:00"}) == 0
    assert exif.taken_at({**tags, Base.DateTimeOriginal: "0000:00:00 00:00:00"}) == NOON


@pytest.mark.parametrize(
    ("fraction", "ms"),
    [("123", 123), ("4", 400), ("05", 50), ("123456", 123), ("", None), ("-1", None), (7, None)],
)
def test_the_millisecond_is_that_of_the_date_that_counts(fraction: object, ms: int | None) -> None:
    tags: exif.Tags = {
        Base.DateTimeOriginal: "2019:05:04 12:00:00",
        Base.SubsecTimeOriginal: fraction,
        Base.DateTime: "2021:01:01 00:00:00",
        Base.SubsecTime: "999",
    }
    assert exif.taken_ms(tags) == ms
    assert exif.taken_ms({Base.SubsecTimeOriginal: "5"}) is None


def test_a_photo_with_latitude_and_longitude_is_located() -> None:
    written = Image.Exif()
    written[IFD.GPSInfo] = {1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)}
    file = BytesIO()
    Image.new("RGB", (9, 9)).save(file, "JPEG", exif=written)
    assert exif.is_located(exif.read_tags(Image.open(file)))
    assert not exif.is_located({Base.GPSInfo: {2: (48.0, 8.0, 0.0)}})
    assert not exif.is_located({Base.GPSInfo: 26})
    assert not exif.is_located({})


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("Apple", None, "Apple"),
        (None, "X100", "X100"),
        ("  Sony \0", "\x1b[31mA7\n III\0", "Sony [31mA7 III"),
        (b"Sony", 7, None),
        ("\0", " ", None),
        (None, None, None),
    ],
)
def test_a_camera_is_named_once_on_one_line(
    make: object, model: object, camera: str | None
) -> None:
    assert exif.camera({Base.Make: make, Base.Model: model}) == camera


def test_a_long_camera_name_is_cut() -> None:
    assert exif.camera({Base.Make: "M" * 90, Base.Model: "x" * 90}) == "M" * 90 + " " + "x" * 9


@pytest.mark.parametrize(
    ("value", "orientation"), [(6, 6), (1, 1), (8, 8), (0, 1), (9, 1), (255, 1)]
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_an_orientation_is_1_to_8(value: int, orientation: int, order: str) -> None:
    assert exif.orientation_in(block_with(exif.SHORT, value, order)) == orientation


@pytest.mark.parametrize("kind", [1, 2, 4, 9])
def test_an_orientation_of_another_type_turns_nothing_as_in_browsers(kind: int) -> None:
    assert exif.orientation_in(block_with(kind, 6, "<")) == 1


def test_an_orientation_counts_where_browsers_find_it() -> None:
    """One value, behind TIFF's own mark, in the first directory or in Exif's below it."""
    block = block_with(exif.SHORT, 6, "<")
    assert exif.orientation_in(block[:2] + bytes(2) + block[4:]) == 1
    for count in (0, 2, 1000):
        assert exif.orientation_in(block[:14] + struct.pack("<I", count) + block[18:]) == 1
    to_next = struct.pack("<HHHII", 1, Base.ExifOffset, 4, 1, 26)
    assert exif.orientation_in(block[:8] + to_next + bytes(4) + block[8:]) == 6
    to_itself = struct.pack("<HHHII", 1, Base.ExifOffset, 4, 1, 8)
    assert exif.orientation_in(block[:8] + to_itself + bytes(4)) == 1


def test_an_orientation_in_xmp_alone_turns_nothing_as_in_browsers() -> None:
    packet = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    buffer = BytesIO()
    Image.new("RGB", (8, 4)).save(buffer, "JPEG", xmp=packet)
    with Image.open(buffer) as image:
        assert exif.orientation(image.info.get("exif"), "JPEG", exif.read_tags(image)) == 1


def block_with(kind: int, value: int, order: str) -> bytes:
    """An Exif block that has an orientation of this type and nothing else."""
    head = {"<": b"II", ">": b"MM"}[order]
    entry = struct.pack(order + "HHI", 0x0112, kind, 1)
    number = struct.pack(order + ("H" if kind == exif.SHORT else "I"), value)
    return head + struct.pack(order + "HIH", 42, 8, 1) + entry + number.ljust(4, b"\0") + bytes(4)


def photo_with(block: bytes) -> Image.Image:
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=block)
    return Image.open(buffer)


def test_tags_of_both_directories_are_read() -> None:
    written = Image.Exif()
    written[Base.Make] = "Maker"
    written.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2019:05:04 12:00:00"
    tags = exif.read_tags(photo_with(written.tobytes()))
    assert (exif.camera(tags), exif.taken_at(tags)) == ("Maker", NOON)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_anywhere_in_the_metadata_does_no_harm() -> None:
    written = Image.Exif()
    written[Base.Make] = "Maker"
    written.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2019:05:04 12:00:00"
    block = written.tobytes()
    for position in range(6, len(block)):
        for damage in (0x00, 0xFF):
            damaged = block[:position] + bytes([damage]) + block[position + 1 :]
            tags = exif.read_tags(photo_with(damaged))
            assert exif.taken_at(tags) in (NOON, NOON - 12 * 3600, None)  # the day is left
            assert exif.orientation(photo_with(damaged).info.get("exif"), "JPEG", tags) == 1
            assert len(exif.camera(tags) or "") <= exif.CAMERA_CHARS
