"""dates: as cameras, phones and editors write them, in Exif, XMP and file names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge_app.photos.reading.dates import moment_in, moment_in_name, moment_in_xmp


def seconds(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc, arg-type]


TAKEN = seconds(2024, 1, 10, 15, 30, 5)


@pytest.mark.parametrize(
    "text",
    [
        "2024:01:10 15:30:05",
        "2024-01-10 15:30:05",
        "2024:01:10 15:30:05.123",
        "2024:01:10 15:30:05+01:00",
        "2024:01:10 15:30:05 -0800",
        "2024-01-10T15:30:05Z",
        "2024-01-10T15:30:05.5+02:00",
        "2024:01:10 15:30:05\n",
        "2024:01:10 15:30:05\0",
        "2024/01/10 15:30:05",
        "2024:1:10 15:30:5",
        "2024:01:10  15:30:05",
        "2024:01:10-15:30:05",
        "2024-01-10T15:30:05+02",
        "2024:01:10 15:30:05 UTC",
        "2024:01:10 03:30:05 PM",
        "2024:01:10 15:30:05 CET",
        "2024: 1:10 15:30: 5",
        "2024:01:10 15:30:05\0\0left over",
    ],
)
def test_a_moment_is_the_wall_clock_whatever_the_form(text: str) -> None:
    assert moment_in(text) == TAKEN


def test_a_moment_may_have_no_seconds_and_no_time() -> None:
    assert moment_in("2024:01:10 15:30") == seconds(2024, 1, 10, 15, 30)
    assert moment_in("2024:01:10") == seconds(2024, 1, 10)


@pytest.mark.parametrize(
    "text",
    ["", "None", "0000:00:00 00:00:00", "2024:13:10 15:30:05", "2024:01", "yesterday",
     "2024:01:10 25:30:05", "    :  :     :  :  ", "2024:01:10 15:30:05 or so",
     "2024:01:10 15:30:05 PM"],
)  # fmt: skip
def test_what_is_no_moment_is_none(text: str) -> None:
    assert moment_in(text) is None


@pytest.mark.parametrize(
    ("packet", "moment"),
    [
        ('<r xmp:CreateDate="2024-01-10T15:30:05"/>', TAKEN),
        ('<r xap:CreateDate="2024-01-10T15:30:05"/>', TAKEN),
        ("<xmp:CreateDate>2024-01-10T15:30:05.25+01:00</xmp:CreateDate>", TAKEN),
        ("<r photoshop:DateCreated='2024-01-10'/>", seconds(2024, 1, 10)),
        ('<r exif:DateTimeOriginal="2024-01-10T15:30:05"/>', TAKEN),
        ('<r xmp:CreateDate="2001-01-01T00:00" photoshop:DateCreated="2024-01-10"/>',
         seconds(2024, 1, 10)),
        ('<xmp:CreateDate xmlns:xmp="http://ns.adobe.com/xap/1.0/">2024-01-10T15:30:05<', TAKEN),
        ('<r xmp:ModifyDate="2024-01-10T15:30:05"/>', None),
        ('<r xmp:CreateDate="never"/>', None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["xmp", "XML:com.adobe.xmp"])
def test_xmp_has_dates_as_attributes_and_elements(
    packet: str, moment: int | None, key: str
) -> None:
    assert moment_in_xmp({key: packet.encode() if key == "xmp" else packet}) == moment
    long = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF>{' ' * 99}{packet}"
    for encoding in ("utf-16", "utf-16-be", "utf-16-le"):
        assert moment_in_xmp({"xmp": long.encode(encoding)}) == moment


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("IMG_20240110_153005.jpg", TAKEN),
        ("PXL_20240110_153005123.jpg", TAKEN),
        ("IMG20240110153005.jpg", TAKEN),
        ("20240110153005.jpg", TAKEN),
        ("PXL_20240110_153005123.MP.jpg", TAKEN),
        ("Screenshot_2024-01-10-15-30-05.png", TAKEN),
        ("Screenshot_20240110-153005_Maps.jpg", TAKEN),
        ("Screenshot 2024-01-10 at 15.30.05.png", TAKEN),
        ("WhatsApp Image 2024-01-10 at 15.30.05.jpeg", TAKEN),
        ("signal-2024-01-10-153005.jpg", TAKEN),
        ("2024-01-10 15.30.05.jpg", TAKEN),
        ("WhatsApp Image 2024-01-10 at 3.30.05 PM (1).jpeg", TAKEN),
        ("Screenshot 2024-01-10 at 3.30.05\u202fPM.png", TAKEN),
        ("Bildschirmfoto 2024-01-10 um 15.30.05.png", TAKEN),
        ("Capture d’écran 2024-01-10 à 15.30.05.png", TAKEN),
        ("photo_2024-01-10_15-30-05.jpg", TAKEN),
        ("IMG_20240110_993005.jpg", seconds(2024, 1, 10)),
        ("2024-01-10_12345.jpg", seconds(2024, 1, 10)),
        ("IMG-20240110-WA0001.jpg", seconds(2024, 1, 10)),
        ("2024-01-10 birthday.jpg", seconds(2024, 1, 10)),
        ("DSC_0001.jpg", None),
        ("IMG_1234567890123.jpg", None),
        ("20241310_153005.jpg", None),
        ("photo-18991231.jpg", None),
        ("1920x1080.jpg", None),
    ],
)
def test_phones_and_messengers_put_it_into_the_name(name: str, moment: int | None) -> None:
    assert moment_in_name(name) == moment
