"""Files that are legal and rare, or damaged, come out as other programs show them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_app.config import Limits
from edge_app.errors import DecodeError
from edge_app.photos.children.decode import INCOMPLETE, Decoded, decode
from edge_app.photos.reading.cicp import profile_of_codes
from edge_app.photos.reading.mend import png_chunks
from tests.photos.test_cicp import with_chunks
from tests.photos.test_colour import CASES
from tests.photos.test_decode import encoded, photo_like

SIZE_PX = 32
LIMITS = Limits()
PHOTO = photo_like(96, 64)
RIGHT = np.asarray(PHOTO.resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR)).astype(int)
GREY = np.asarray(PHOTO.convert("L"))
Page = dict[int, Sequence[int]]


def difference(decoded: Decoded, right: NDArray[np.int_], rows: int = SIZE_PX) -> float:
    """The mean of the upper rows, in levels."""
    view = np.frombuffer(decoded.views, np.uint8).reshape(SIZE_PX, SIZE_PX, 3).astype(int)
    return float(np.abs(view - right)[:rows].mean())


def as_grey() -> NDArray[np.int_]:
    small = PHOTO.convert("L").resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR)
    return np.asarray(small.convert("RGB")).astype(int)


def tiff(*pages: tuple[Page, bytes], order: str = "<", below: int = 0) -> bytes:
    """A TIFF file of these pages, one strip each; the last so many hang below the first."""
    body, places = b"", []
    for number, (given, pixels) in enumerate(pages):
        strips = len(given[258]) if given.get(284) == (2,) else 1
        size = len(pixels) // strips
        start = 8 + len(body)
        tags = {
            256: (PHOTO.width,), 257: (PHOTO.height,), 259: (1,), 277: (len(given[258]),),
            278: (PHOTO.height,), **given,
            273: [start + n * size for n in range(strips)], 279: [size] * strips,
        }  # fmt: skip
        if number == 0 and below:
            tags[330] = [0]
        table, more = struct.pack(order + "H", len(tags)), b""
        after = start + len(pixels) + 2 + 12 * len(tags) + 4
        for tag, values in sorted(tags.items()):
            kind = 4 if tag in (273, 279, 330) else 3
            data = struct.pack(f"{order}{len(values)}{'IH'[kind == 3]}", *values)
            if len(data) > 4:
                data, more = struct.pack(order + "I", after + len(more)), more + data
            table += struct.pack(order + "HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
        places.append(start + len(pixels))
        body += pixels + table + bytes(4) + more
    whole = bytearray({"<": b"II*\0", ">": b"MM\0*"}[order] + bytes(4) + body)
    for number, place in enumerate(places):
        if number == 0:
            at = 4
        elif number >= len(places) - below:
            first = places[0]
            count = struct.unpack_from(order + "H", whole, first)[0]
            rows = range(first + 2, first + 2 + 12 * count, 12)
            at = next(r for r in rows if struct.unpack_from(order + "H", whole, r)[0] == 330) + 8
        else:
            before = places[number - 1]
            at = before + 2 + 12 * struct.unpack_from(order + "H", whole, before)[0]
        struct.pack_into(order + "I", whole, at, place)
    return bytes(whole)


RGB_PAGE: Page = {258: (8, 8, 8), 262: (2,)}
SMALL = ({**RGB_PAGE, 256: (8,), 257: (8,), 278: (8,)}, bytes(8 * 8 * 3))


def subsampled() -> tuple[Page, bytes]:
    """Colours at half the width and height, as TIFF stores them: four of Y, one of Cb and Cr."""
    ycc = np.asarray(PHOTO.convert("YCbCr")).astype(float)
    blocks = ycc.reshape(PHOTO.height // 2, 2, PHOTO.width // 2, 2, 3).transpose(0, 2, 1, 3, 4)
    flat = blocks.reshape(PHOTO.height // 2, PHOTO.width // 2, 4, 3)
    parts = [flat[..., 0], flat[..., 1].mean(2)[..., None], flat[..., 2].mean(2)[..., None]]
    pixels = np.concatenate(parts, 2).round().astype(np.uint8)
    return {258: (8, 8, 8), 262: (6,), 530: (2, 2)}, pixels.tobytes()


@pytest.mark.parametrize(
    ("flag", "below"), [({254: (1,)}, 0), ({255: (2,)}, 0), ({254: (1,)}, 1), ({255: (2,)}, 1)]
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_of_a_tiff_the_page_that_is_no_thumbnail_is_shown(
    flag: Page, below: int, order: str
) -> None:
    page = (RGB_PAGE, PHOTO.tobytes())
    data = tiff((SMALL[0] | flag, SMALL[1]), page, order=order, below=below)
    decoded = decode(data, SIZE_PX, LIMITS)
    assert (decoded.width_px, decoded.height_px) == PHOTO.size
    assert difference(decoded, RIGHT) < 2


def test_a_tiff_of_nothing_but_a_flagged_page_is_shown() -> None:
    data = tiff((RGB_PAGE | {254: (1,)}, PHOTO.tobytes()))
    assert difference(decode(data, SIZE_PX, LIMITS), RIGHT) < 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["16 white", "16", "32", "float white"])
def test_greys_of_many_bits_keep_their_range(kind: str, order: str) -> None:
    bits, white = int(kind[:2]) if kind[0] != "f" else 32, kind.endswith("white")
    levels = 255 - GREY if white else GREY
    pixels = {
        "16": levels.astype(order + "u2") * 257,
        "32": levels.astype(order + "u4") * 0x01010101,
        "fl": (levels / 255).astype(order + "f4"),
    }[kind[:2]]
    page: Page = {258: (bits,), 262: (0 if white else 1,), 339: (3 if kind[0] == "f" else 1,)}
    decoded = decode(tiff((page, pixels.tobytes()), order=order), SIZE_PX, LIMITS)
    low, high = int(GREY.min()), int(GREY.max())
    right = (as_grey() - low) * 255 // (high - low) if kind[0] == "f" else as_grey()
    assert difference(decoded, right) < 2


def test_a_tiff_with_subsampled_colours_is_right() -> None:
    assert difference(decode(tiff(subsampled()), SIZE_PX, LIMITS), RIGHT) < 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_whose_channels_come_one_after_the_other_is_right(bits: int, order: str) -> None:
    channels = np.moveaxis(np.asarray(PHOTO), 2, 0)
    pixels = channels if bits == 8 else channels.astype(order + "u2") * 257
    page: Page = {258: (bits,) * 3, 262: (2,), 284: (2,)}
    decoded = decode(tiff((page, pixels.tobytes()), order=order), SIZE_PX, LIMITS)
    assert difference(decoded, RIGHT) < 2


@pytest.mark.parametrize("compression", [34712, 34887, 50001, 50002, 52546])
def test_a_tiff_compressed_in_a_way_not_built_in_is_not_called_damaged(compression: int) -> None:
    data = tiff((RGB_PAGE | {259: (compression,)}, b"something else"))
    assert refusal(data) == "TIFF of a kind that the installed Pillow can't read"


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_a_compressed_tiff_is_shown_down_to_where_its_data_is_damaged(compression: str) -> None:
    photo = photo_like(400, 300)
    whole = encoded(photo, "TIFF", compression=compression, strip_size=48 * 1024)
    data = bytearray(whole)
    place = len(data) * 3 // 4
    data[place : place + 2000] = b"\xfe" * 2000
    decoded = decode(bytes(data), SIZE_PX, LIMITS)
    right = np.frombuffer(decode(whole, SIZE_PX, LIMITS).views, np.uint8)
    assert decoded.note == INCOMPLETE
    assert difference(decoded, right.reshape(SIZE_PX, SIZE_PX, 3).astype(int), SIZE_PX // 2) < 2


def refusal(data: bytes) -> str:
    with pytest.raises(DecodeError) as refused:
        decode(data, SIZE_PX, LIMITS)
    return str(refused.value)


@pytest.mark.parametrize(("numbers", "used"), [([2, 1], True), ([1], False), ([1, 1], False)])
def test_the_parts_of_a_profile_in_a_jpeg_may_come_in_any_order(
    numbers: list[int], used: bool
) -> None:
    plain, half = encoded(PHOTO, "JPEG"), len(WIDE) // 2
    data = plain[:2]
    for number in numbers:
        part = b"ICC_PROFILE\0" + bytes([number, 2]) + (WIDE[:half], WIDE[half:])[number - 1]
        data += b"\xff\xe2" + struct.pack(">H", len(part) + 2) + part
    found = decode(data + plain[2:], SIZE_PX, LIMITS).views
    whole = decode(encoded(PHOTO, "JPEG", icc_profile=WIDE), SIZE_PX, LIMITS).views
    assert found == (whole if used else decode(plain, SIZE_PX, LIMITS).views)


def test_a_jpeg_of_12_bits_is_not_called_damaged() -> None:
    data = bytearray(encoded(PHOTO, "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    assert refusal(bytes(data)) == "JPEG of a kind that the installed Pillow can't read"


def test_a_large_arithmetic_jpeg_is_shown_where_the_installed_pillow_can() -> None:
    """It is given to the decoder whole, which can't stop in the middle of one to get more."""
    path = CASES / "jpg_arith.jpg"
    if not path.exists():
        pytest.skip("needs ../shared/cases")
    try:
        decoded = decode(path.read_bytes(), SIZE_PX, LIMITS)
    except DecodeError as refused:
        assert refused.lacks, refused
    else:
        assert decoded.note is None


# --- PNG ------------------------------------------------------------------------------------------


def broken(data: bytes, kind: bytes) -> bytes:
    """With another checksum in the chunks of this kind."""
    parts = [data[:8]]
    for name, content, _ in png_chunks(data):
        if name:
            checksum = zlib.crc32(name + content) ^ (name == kind)
            parts.append(struct.pack(">I4s", len(content), name) + content)
            parts.append(struct.pack(">I", checksum))
    return b"".join(parts)


BOMB = zlib.compress(bytes(20_000_000))
WIDE = profile_of_codes(9, 8) or b""
ODD_CHUNKS = {
    "text": [(b"tEXt", b"Comment\0hello")],
    "gamma": [(b"gAMA", (100000).to_bytes(4))],
    "profile": [(b"iCCP", b"x\0\0" + zlib.compress(WIDE))],
    "text that is huge": [(b"zTXt", b"Comment\0\0" + BOMB)],
    "XMP that is huge": [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB)],
    "many texts": [(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(bytes(900_000)))] * 90,
    "too short": [(b"gAMA", b"\1"), (b"pHYs", b"\1"), (b"sRGB", b""), (b"cHRM", b"\1")],
}


@pytest.mark.parametrize("kind", ODD_CHUNKS)
def test_a_broken_or_huge_chunk_beside_the_picture_is_passed_over(kind: str) -> None:
    data = with_chunks(encoded(PHOTO, "PNG"), *ODD_CHUNKS[kind])
    if kind in ("text", "gamma", "profile"):
        data = broken(data, ODD_CHUNKS[kind][0][0])
    decoded = decode(data, SIZE_PX, LIMITS)
    assert decoded.note == INCOMPLETE
    assert difference(decoded, RIGHT) < 2


def test_a_png_is_shown_down_to_where_its_data_is_damaged() -> None:
    """Chromium does the same; it is damage, so "not supported" would be wrong too."""
    rows = np.random.default_rng(1).integers(0, 255, (400, 300, 3)).astype(np.uint8)
    rows[:200] = np.asarray(PHOTO.resize((300, 200)))
    data = bytearray(encoded(Image.fromarray(rows), "PNG"))
    place = len(data) * 3 // 4
    data[place : place + 40] = b"\x13\x37" * 20
    decoded = decode(bytes(data), SIZE_PX, LIMITS)
    whole = decode(encoded(Image.fromarray(rows), "PNG"), SIZE_PX, LIMITS)
    right = np.frombuffer(whole.views, np.uint8).reshape(SIZE_PX, SIZE_PX, 3).astype(int)
    assert decoded.note == INCOMPLETE
    assert difference(decoded, right, SIZE_PX // 2) < 2


def test_half_transparent_colours_are_converted_before_they_are_laid_on_white() -> None:
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        image = Image.new("RGBA", (40, 40), (90, 160, 90, 128))
        opaque = encoded(image.convert("RGB"), kind, icc_profile=WIDE, **options)
        data = encoded(image, kind, icc_profile=WIDE, **options)
        found = decode(data, SIZE_PX, LIMITS).views[:3]
        colour = decode(opaque, SIZE_PX, LIMITS).views[:3]
        assert list(found) == pytest.approx([(level + 255) / 2 for level in colour], abs=3), kind


# --- other formats --------------------------------------------------------------------------------


def test_a_gif_whose_frame_is_a_part_of_its_canvas_is_white_around_it() -> None:
    data = bytearray(encoded(PHOTO.quantize(64), "GIF"))
    data[6:10] = struct.pack("<HH", PHOTO.width * 2, PHOTO.height)
    decoded = decode(bytes(data), SIZE_PX, LIMITS)
    view = np.frombuffer(decoded.views, np.uint8).reshape(SIZE_PX, SIZE_PX, 3)
    assert (decoded.width_px, decoded.height_px) == (PHOTO.width * 2, PHOTO.height)
    assert np.all(view[:, SIZE_PX // 2 + 1 :] == 255)


def run_lengths(image: Image.Image) -> bytes:
    """An 8-bit BMP, run-length coded, every row with a run for each pixel."""
    palette = (image.getpalette() or [])[: 256 * 3]
    colours = b"".join(bytes(reversed(palette[n : n + 3])) + b"\0" for n in range(0, 768, 3))
    rows = np.asarray(image)[::-1]
    data = b"".join(b"".join(b"\1%c" % v for v in row) + b"\0\0" for row in rows) + b"\0\1"
    start = 14 + 40 + len(colours)
    head = struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
    size = image.width, image.height
    info = struct.pack("<IiiHHIIiiII", 40, *size, 1, 8, 1, len(data), 0, 0, 256, 0)
    return head + info + colours.ljust(1024, b"\0") + data


def test_a_run_length_coded_bmp_that_lacks_its_end_is_shown_as_far_as_it_goes() -> None:
    image = PHOTO.quantize(256)
    data = run_lengths(image)
    whole = decode(data, SIZE_PX, LIMITS)
    decoded = decode(data[: len(data) * 2 // 3], SIZE_PX, LIMITS)
    assert (whole.note, decoded.note) == (None, INCOMPLETE)
    lower = SIZE_PX * SIZE_PX * 3 * 5 // 8  # it begins with its lowest row
    assert decoded.views[lower:] == whole.views[lower:]


def test_the_profile_in_a_bmp_counts() -> None:
    plain = encoded(PHOTO, "BMP")
    pixels = plain[54:]
    size = struct.pack("<ii", *PHOTO.size)
    info = struct.pack("<I8sHHI20x16x4s48xIII4x", 124, size, 1, 24, 0, b"DEBM", 4,
                       124 + len(pixels), len(WIDE))  # fmt: skip
    head = struct.pack("<2sI4xI", b"BM", 14 + 124 + len(pixels) + len(WIDE), 14 + 124)
    decoded = decode(head + info + pixels + WIDE, SIZE_PX, LIMITS)
    right = decode(encoded(PHOTO, "PNG", icc_profile=WIDE), SIZE_PX, LIMITS)
    assert decoded.views == right.views


@pytest.mark.parametrize("cut_bytes", [10, 200])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_webp_that_lacks_a_few_bytes_is_shown(mode: str, cut_bytes: int) -> None:
    image = PHOTO.convert(mode)
    if mode == "RGBA":
        image.putalpha(200)
    decoded = decode(encoded(image, "WEBP")[:-cut_bytes], SIZE_PX, LIMITS)
    right = decode(encoded(image, "WEBP"), SIZE_PX, LIMITS)
    whole = np.frombuffer(right.views, np.uint8).reshape(SIZE_PX, SIZE_PX, 3).astype(int)
    assert decoded.note == INCOMPLETE
    assert difference(decoded, whole, SIZE_PX // 2) < 3


@pytest.mark.parametrize("claimed", [200, 10**6])
def test_a_webp_that_is_wrong_about_its_size_is_shown(claimed: int) -> None:
    data = bytearray(encoded(PHOTO, "WEBP"))
    struct.pack_into("<I", data, 4, claimed)
    assert difference(decode(bytes(data), SIZE_PX, LIMITS), RIGHT) < 8


def test_a_heic_that_lacks_its_end_is_shown_as_far_as_it_goes() -> None:
    pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    data = encoded(photo_like(512, 512), "HEIF")
    decoded = decode(data[: len(data) * 3 // 4], SIZE_PX, LIMITS)
    whole = np.frombuffer(decode(data, SIZE_PX, LIMITS).views, np.uint8)
    right = whole.reshape(SIZE_PX, SIZE_PX, 3).astype(int)
    assert decoded.note == INCOMPLETE
    assert difference(decoded, right, SIZE_PX // 4) < 6
