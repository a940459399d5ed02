"""strip: an original leaves without the place it was taken at, and otherwise as it is."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from edge_app.errors import NotStrippableError
from edge_app.photos.strip import without_location
from tools.testing.pictures import picture

SECRET = b"SECRETPLACE"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 6) -> Image.Exif:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    tags[ExifTags.Base.ImageDescription] = SECRET.decode()
    tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSMapDatum] = SECRET.decode()
    return tags


def photo(kind: str, **options: Any) -> bytes:
    """A picture with its place in every corner of its metadata."""
    buffer = io.BytesIO()
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Location", SECRET.decode())
        text.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        options["pnginfo"] = text
    else:
        options["xmp"] = SECRET
    if kind == "JPEG":
        options["comment"] = SECRET
    options = {"exif": exif(), "icc_profile": PROFILE} | options
    picture(3).save(buffer, kind, **options)
    return buffer.getvalue()


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"restart_marker_rows": 1}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
]


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)
def test_the_place_goes_and_the_picture_stays(kind: str, options: dict[str, Any]) -> None:
    data = photo(kind, **options)
    assert SECRET in data or kind == "PNG"
    cleaned = without_location(data)
    assert SECRET not in cleaned
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(cleaned)) as after:
        assert after.tobytes() == before.tobytes()
        assert after.info["icc_profile"] == PROFILE
        assert dict(after.getexif()) == {ExifTags.Base.Orientation: 6}
        assert not after.getexif().get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)
def test_cleaning_twice_changes_nothing(kind: str, options: dict[str, Any]) -> None:
    cleaned = without_location(photo(kind, **options))
    assert without_location(cleaned) == cleaned


def test_what_trails_the_image_goes_too() -> None:
    """Phones append further pictures and films, each with metadata of its own."""
    assert SECRET not in without_location(photo("JPEG") + b"trailer" + SECRET + photo("JPEG"))
    assert SECRET not in without_location(photo("PNG") + SECRET)
    assert SECRET not in without_location(photo("WEBP") + SECRET)


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_formats_that_hold_no_place_stay_as_they_are(kind: str) -> None:
    buffer = io.BytesIO()
    picture(1).save(buffer, kind)
    assert without_location(buffer.getvalue()) == buffer.getvalue()


def test_a_gif_with_a_place_in_it_is_not_served() -> None:
    with pytest.raises(NotStrippableError):
        without_location(b"GIF89a" + b"!\xff\x0bXMP DataXMP" + SECRET)


@pytest.mark.parametrize("kind", ["TIFF", "AVIF"])
def test_what_cannot_be_cleaned_is_not_served(kind: str) -> None:
    buffer = io.BytesIO()
    picture(1).save(buffer, kind)
    with pytest.raises(NotStrippableError, match="--strip-location"):
        without_location(buffer.getvalue())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_damaged_file_is_not_served_rather_than_half_cleaned(kind: str) -> None:
    data = photo(kind)
    for cut in range(12, len(data) - 2, 7):
        with pytest.raises(NotStrippableError):
            without_location(data[:cut])
