"""strip: an original leaves without the place it was taken at, and otherwise as it is."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms, ImageSequence, PngImagePlugin

from edge_app.config import Limits
from edge_app.errors import NotStrippableError
from edge_app.photos.children.decode import decode
from edge_app.photos.stripping.strip import without_location
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


def test_a_png_says_which_way_is_up_before_its_picture_as_browsers_turn_by_nothing_else() -> None:
    data = photo("PNG")
    place = data.index(b"eXIf") - 4
    block = data[place : place + 12 + int.from_bytes(data[place : place + 4])]
    cleaned = without_location(data)
    assert cleaned.index(b"eXIf") < cleaned.index(b"IDAT")
    behind = data.replace(block, b"")[:-12] + block + data[-12:]
    assert b"eXIf" not in without_location(behind)
    upright = picture(3).size
    for kept, size in ((data, upright[::-1]), (cleaned, upright[::-1]), (behind, upright)):
        decoded = decode(kept, 32, Limits())
        assert (decoded.width_px, decoded.height_px) == size


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


def gif(**options: Any) -> bytes:
    """An animation with a comment, an application's block, and something behind its end."""
    buffer = io.BytesIO()
    frames = [picture(number).convert("P") for number in range(3)]
    options = {"comment": SECRET, "loop": 3, "duration": 40, "transparency": 7} | options
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], **options)
    data = buffer.getvalue()
    start = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    xmp = b"!\xff\x0bXMP DataXMP" + bytes([len(SECRET)]) + SECRET + b"\0"
    text = b"!\x01\x0c" + bytes(12) + bytes([len(SECRET)]) + SECRET + b"\0"
    more_than_loops = b"!\xff\x0bNETSCAPE2.0\x03\x01\2\0" + bytes([len(SECRET)]) + SECRET + b"\0"
    return data[:start] + xmp + text + more_than_loops + data[start:] + SECRET


def bmp(mode: str = "RGB", header: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    picture(1).convert(mode).save(buffer, "BMP")
    return buffer.getvalue() + SECRET


def bmp_with_a_profile() -> bytes:
    """With the header of version 5, which names a file for its colours, and reserved bytes."""
    data = bytearray(bmp())
    pixels = data[54:]
    info = data[14:54] + bytes(84)
    info[0:4] = (124).to_bytes(4, "little")
    info[56:60] = b"KNIL"
    name_at = 124 + len(pixels)
    info[112:120] = name_at.to_bytes(4, "little") + len(SECRET).to_bytes(4, "little")
    data[6:10] = SECRET[:4]
    data[10:14] = (14 + 124).to_bytes(4, "little")
    return bytes(data[:14] + info + pixels + SECRET)


def frames_of(data: bytes) -> list[bytes]:
    with Image.open(io.BytesIO(data)) as image:
        return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(image)]


OLD: dict[str, Callable[[], bytes]] = {
    "GIF": gif,
    "GIF with its own colours in a frame": partial(gif, optimize=False),
    "BMP": bmp,
    "BMP with colours": partial(bmp, "P"),
    "BMP of two colours": partial(bmp, "1"),
    "BMP with a profile": bmp_with_a_profile,
}


@pytest.mark.parametrize("make", OLD.values(), ids=list(OLD))
def test_gif_and_bmp_keep_their_frames_only(make: Callable[[], bytes]) -> None:
    data = make()
    assert SECRET in data
    cleaned = without_location(data)
    assert SECRET not in cleaned
    assert SECRET[:4] not in cleaned
    assert frames_of(cleaned) == frames_of(data)
    assert without_location(cleaned) == cleaned
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(cleaned)) as after:
        for name in ("duration", "transparency", "dpi"):
            assert after.info.get(name) == before.info.get(name)


def test_a_gif_keeps_how_often_it_is_repeated() -> None:
    with Image.open(io.BytesIO(without_location(gif()))) as image:
        assert image.info["loop"] == 3


def with_segments(*segments: tuple[int, bytes]) -> bytes:
    data = photo("JPEG")
    made = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments
    )
    return data[:2] + made + data[2:]


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (0xE0, b"JFXX\0\x10" + SECRET),
        (0xE0, b"JFIF\0\1\2\0\0\1\0\1\x03\x01" + b"...SECRETPLACE..."),
        (0xE0, SECRET),
        (0xEE, b"Adobe\0\x64\0\0\0\0\1" + SECRET),
        (0xEE, SECRET),
        (0xF3, SECRET),
        (0xC8, SECRET),
        (0x02, SECRET),
        (0xDC, b"\0\1" + SECRET),
        (0xDD, b"\0\0" + SECRET),
        (0xD3, SECRET),
    ],
    ids="JFXX JFIF APP0 Adobe APP14 JPG3 JPG reserved DNL DRI RST".split(),
)
def test_a_segment_keeps_only_what_it_is_for(marker: int, body: bytes) -> None:
    data = with_segments((marker, body))
    cleaned = without_location(data)
    assert SECRET not in cleaned
    with Image.open(io.BytesIO(photo("JPEG"))) as before, Image.open(io.BytesIO(cleaned)) as after:
        assert after.tobytes() == before.tobytes()


def test_a_chunk_of_numbers_holds_nothing_else() -> None:
    data = photo("PNG")
    made = b"pHYs" + bytes(9) + SECRET
    chunk = struct.pack(">I", len(made) - 4) + made + struct.pack(">I", zlib.crc32(made))
    assert SECRET not in without_location(data[:33] + chunk + data[33:])
    end = b"IEND" + SECRET
    with pytest.raises(NotStrippableError):
        without_location(data[:-12] + struct.pack(">I", len(end) - 4) + end + bytes(4))


def test_a_jpeg_of_four_inks_keeps_what_says_how_they_are_stored() -> None:
    buffer = io.BytesIO()
    picture(2).convert("CMYK").save(buffer, "JPEG")
    data = buffer.getvalue()
    assert b"Adobe" in data
    with (
        Image.open(io.BytesIO(data)) as before,
        Image.open(io.BytesIO(without_location(data))) as after,
    ):
        assert after.tobytes() == before.tobytes()
        assert after.info["adobe_transform"] == before.info["adobe_transform"]


def test_an_unknown_chunk_inside_a_frame_of_a_webp_goes() -> None:
    buffer = io.BytesIO()
    frames = [picture(number) for number in range(3)]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], duration=40)
    data = buffer.getvalue()
    secret = b"JUNK" + struct.pack("<I", len(SECRET)) + SECRET + b"\0"
    place = data.index(b"ANMF")
    (size,) = struct.unpack_from("<I", data, place + 4)
    end = place + 8 + size + size % 2
    frame = b"ANMF" + struct.pack("<I", size + size % 2 + len(secret)) + data[place + 8 : end]
    inside = data[8:place] + frame + secret + data[end:]
    whole = b"RIFF" + struct.pack("<I", len(inside)) + inside
    assert frames_of(whole) == frames_of(data)
    cleaned = without_location(whole)
    assert SECRET not in cleaned
    assert frames_of(cleaned) == frames_of(data)
    with Image.open(io.BytesIO(cleaned)) as image:
        image.load()
        assert image.info["duration"] == 40


def test_a_file_of_very_many_parts_is_not_served() -> None:
    comments = b"\xff\xfe\0\2\xff\xdb\0\2" * 5000
    data = photo("JPEG")
    with pytest.raises(NotStrippableError):
        without_location(data[:2] + comments + data[2:])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_damaged_file_is_cleaned_or_refused_and_nothing_else(kind: str) -> None:
    chance = random.Random(kind)
    data = {"GIF": gif, "BMP": bmp_with_a_profile}.get(kind, lambda: photo(kind))()
    refused = 0
    for _ in range(1000):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 5)):
            damaged[chance.randrange(2, min(len(data), 400))] = chance.choice([0, 255, 127, 3])
        try:
            cleaned = without_location(bytes(damaged))
        except NotStrippableError:
            refused += 1
        else:
            assert len(cleaned) < len(data) + 200
    assert 0 < refused < 1000


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
