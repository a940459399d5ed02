"""decode: whatever the file, the upright image in RGB, or one short reason why not."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin, features

from edge_app.config import Limits, MiB
from edge_app.errors import DecodeError
from edge_app.photos.children.decode import INCOMPLETE, Decoded, decode
from edge_app.photos.reading.cost import check_cost, decoded_bytes
from edge_app.photos.reading.mend import mended
from edge_app.photos.reading.opening import opened
from edge_app.photos.regions import CROP, WHOLE, Box
from edge_app.photos.shrink import TURNS, draft_size, enough_of
from edge_app.photos.thumbnail import THUMBNAIL
from tests.conftest import ROOT

LIMITS = Limits()
SIZE_PX = 32

RED, GREEN, BLUE, WHITE = (250, 10, 10), (10, 200, 10), (10, 10, 250), (255, 255, 255)
TOP_LEFT, TOP_RIGHT = Box(0, 0, 0.5, 0.5), Box(0.5, 0, 0.5, 0.5)
BOTTOM_LEFT, BOTTOM_RIGHT = Box(0, 0.5, 0.5, 0.5), Box(0.5, 0.5, 0.5, 0.5)

AVIF = pytest.param(
    "AVIF", marks=pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
)


HEIF = pytest.param(
    "HEIF",
    marks=pytest.mark.skipif(not find_spec("pillow_heif"), reason="pillow-heif is not installed"),
)

JXL = pytest.param(
    "JXL",
    marks=pytest.mark.skipif(not find_spec("pillow_jxl"), reason="no pillow-jxl-plugin here"),
)


def quadrants(width_px: int = 96, height_px: int = 64) -> Image.Image:
    """Red and green above blue and white: no turn or mirroring looks like another."""
    small = Image.new("RGB", (2, 2))
    small.putdata([RED, GREEN, BLUE, WHITE])
    return small.resize((width_px, height_px), Image.Resampling.NEAREST)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    if kind == "HEIF":
        import_module("pillow_heif").register_heif_opener()
    elif kind == "JXL":
        import_module("pillow_jxl")
    if kind in ("JPEG", "WEBP", "AVIF", "HEIF", "JXL"):
        options = {"quality": 95, **options}
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def views(decoded: Decoded) -> NDArray[np.int_]:
    """(n, s, s, 3) RGB, signed so that differences may be taken."""
    return np.frombuffer(decoded.views, np.uint8).reshape(-1, SIZE_PX, SIZE_PX, 3).astype(int)


def centre(view: NDArray[np.int_]) -> list[int]:
    """The colour in the middle of a view."""
    return [int(value) for value in view[SIZE_PX // 2, SIZE_PX // 2]]


def colour_of(image: Image.Image, kind: str, **options: Any) -> list[int]:
    """The colour that an image of one colour comes out with."""
    return centre(views(decode(encoded(image, kind, **options), SIZE_PX, LIMITS))[0])


def thumbnail_of(decoded: Decoded) -> Image.Image:
    return Image.open(BytesIO(decoded.thumbnail))


# --- what comes out -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", AVIF, HEIF, JXL])
def test_every_format_gives_the_same_picture_its_size_and_its_name(kind: str) -> None:
    decoded = decode(encoded(quadrants(), kind), SIZE_PX, LIMITS)
    assert (decoded.width_px, decoded.height_px, decoded.format) == (96, 64, kind)
    (view,) = views(decoded)
    places = [(8, 8), (8, 24), (24, 8), (24, 24)]
    for (y, x), colour in zip(places, (RED, GREEN, BLUE, WHITE), strict=True):
        assert view[y, x] == pytest.approx(colour, abs=12)


def test_the_whole_image_is_stretched_to_the_square() -> None:
    wide = encoded(quadrants(400, 20), "PNG")
    (view,) = views(decode(wide, SIZE_PX, LIMITS))
    assert np.all(view[2, 2] == RED) and np.all(view[2, -3] == GREEN)


def test_a_model_may_want_the_square_in_the_middle() -> None:
    wide = Image.new("RGB", (120, 40), BLUE)
    wide.paste(RED, (40, 0, 80, 40))
    decoded = decode(encoded(wide, "PNG"), SIZE_PX, LIMITS, preprocess=CROP)
    inside = slice(None), slice(2, -2), slice(2, -2)  # at its edges it blends with what lies beside
    assert np.all(views(decoded)[inside] == RED)
    assert Image.open(BytesIO(decoded.thumbnail)).size == (120, 40)
    tall = decode(encoded(wide.rotate(90, expand=True), "PNG"), SIZE_PX, LIMITS, preprocess=CROP)
    assert np.all(views(tall)[inside] == RED)


def test_one_view_for_each_box_in_their_order() -> None:
    boxes = (BOTTOM_LEFT, WHOLE, TOP_RIGHT)
    decoded = decode(encoded(quadrants(), "PNG"), SIZE_PX, LIMITS, boxes)
    blue, whole, green = views(decoded)
    assert np.all(blue == BLUE) and np.all(green == GREEN)
    assert np.array_equal(whole, views(decode(encoded(quadrants(), "PNG"), SIZE_PX, LIMITS))[0])


def test_a_box_gives_the_same_view_as_the_image_cut_out() -> None:
    photo = Image.effect_noise((640, 480), 80).convert("RGB")
    cut_out = photo.crop((160, 120, 320, 360))
    (from_box,) = views(
        decode(encoded(photo, "PNG"), SIZE_PX, LIMITS, [Box(0.25, 0.25, 0.25, 0.5)])
    )
    (from_cut_out,) = views(decode(encoded(cut_out, "PNG"), SIZE_PX, LIMITS))
    assert np.array_equal(from_box, from_cut_out)


def test_a_box_smaller_than_a_pixel_is_a_pixel() -> None:
    box = Box(0.9999, 0.9999, 0.0001, 0.0001)
    (view,) = views(decode(encoded(quadrants(), "PNG"), SIZE_PX, LIMITS, [box]))
    assert np.all(view == WHITE)


def test_the_thumbnail_is_a_small_upright_jpeg_without_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = encoded(quadrants(900, 600), "JPEG", exif=exif, icc_profile=profile, comment=b"mine")
    thumbnail = thumbnail_of(decode(photo, SIZE_PX, LIMITS))
    assert (thumbnail.format, thumbnail.mode, thumbnail.size) == ("JPEG", "RGB", (300, 450))
    assert thumbnail.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_small_image_is_not_enlarged_for_its_thumbnail() -> None:
    assert thumbnail_of(decode(encoded(quadrants(), "PNG"), SIZE_PX, LIMITS)).size == (96, 64)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_even_one_pixel_is_an_image(kind: str) -> None:
    decoded = decode(encoded(Image.new("RGB", (1, 1), "red"), kind), SIZE_PX, LIMITS)
    assert (decoded.width_px, decoded.height_px, decoded.note) == (1, 1, None)
    assert thumbnail_of(decoded).size == (1, 1)


@pytest.mark.parametrize("more", [{}, {"lossless": True}, {"exif": Image.Exif()}])
@pytest.mark.parametrize("part", [0.98, 0.6])
def test_a_webp_that_lacks_its_end_is_shown_as_far_as_it_goes(
    part: float, more: dict[str, Any]
) -> None:
    if "exif" in more:
        more["exif"][0x010F] = "Maker"
    photo = photo_like(320, 240)
    data = encoded(photo, "WEBP", **more)
    decoded = decode(data[: int(len(data) * part)], SIZE_PX, LIMITS)
    assert decoded.note == INCOMPLETE
    upper = SIZE_PX * 2 // 5
    there = np.frombuffer(decoded.views, np.uint8).reshape(SIZE_PX, SIZE_PX, 3)[:upper]
    right = np.frombuffer(decode(data, SIZE_PX, LIMITS).views, np.uint8)
    wanted = right.reshape(SIZE_PX, SIZE_PX, 3)[:upper]
    assert np.abs(there.astype(int) - wanted).mean() < 3


def test_a_webp_that_claims_gigabytes_is_not_filled() -> None:
    claim = b"RIFF" + b"\xff" * 4 + b"WEBPVP8 " + struct.pack("<I", 2**32 - 3) + bytes(20)
    assert list(mended(claim, "WEBP")) == [claim]
    assert reason(claim) == "truncated WEBP"


def test_even_one_row_of_pixels_has_a_thumbnail() -> None:
    decoded = decode(encoded(Image.new("RGB", (5000, 1), RED), "PNG"), SIZE_PX, LIMITS)
    assert thumbnail_of(decoded).size == (4096, 1)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((4000, 3000), (400, 300)),
        ((3000, 4000), (300, 400)),
        ((4000, 1000), (1200, 300)),
        ((12000, 600), (2828, 141)),
        ((300, 6000), (141, 2828)),
        ((200, 150), (200, 150)),
    ],
)
def test_a_thumbnail_has_enough_pixels_on_its_shorter_side(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert THUMBNAIL.of(*size) == wanted
    decoded = decode(encoded(photo_like(*size), "JPEG"), SIZE_PX, LIMITS)
    assert min(thumbnail_of(decoded).size) >= 0.8 * min(wanted)


def test_thumbnails_take_25_kilobytes_on_average() -> None:
    photos = sorted((ROOT.parent / "shared/photos").rglob("*.jpg"))
    if not photos:
        pytest.skip("needs the photos of ../shared")
    taken = [len(decode(p.read_bytes(), SIZE_PX, LIMITS).thumbnail) for p in photos[::7]]
    assert sum(taken) / len(taken) < 25_000


def test_twins_have_the_same_content_and_nothing_else_does() -> None:
    data = encoded(quadrants(), "PNG")
    content = decode(data, SIZE_PX, LIMITS).content
    assert content == hashlib.blake2b(data, digest_size=16).digest()
    assert content != decode(encoded(quadrants(), "BMP"), SIZE_PX, LIMITS).content


# --- upright --------------------------------------------------------------------------------------

UNDO = {6: TURNS[8], 8: TURNS[6]}  # every other turn undoes itself


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "TIFF-deflate", AVIF, HEIF])
def test_orientation_is_applied_once(kind: str, orientation: int) -> None:
    kind, _, compression = kind.partition("-")
    turn = UNDO.get(orientation, TURNS.get(orientation))
    stored = quadrants() if turn is None else quadrants().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"compression": "tiff_deflate"} if compression else {}
    data = encoded(stored, kind, exif=exif.tobytes(), **options)
    decoded = decode(data, SIZE_PX, LIMITS, (TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT))
    assert (decoded.width_px, decoded.height_px) == (96, 64)
    assert thumbnail_of(decoded).size == (96, 64)
    for view, colour in zip(views(decoded), (RED, GREEN, BLUE, WHITE), strict=True):
        assert centre(view) == pytest.approx(colour, abs=12)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_is_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(encoded(quadrants(), "JPEG", exif=exif), SIZE_PX, LIMITS)
    assert (decoded.width_px, decoded.height_px) == (96, 64)


# --- colour ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_transparent_parts_are_white_and_half_transparent_ones_half(kind: str, mode: str) -> None:
    for alpha, grey in [(0, 255), (128, 127), (255, 0)]:
        image = Image.new("LA", (40, 40), (0, alpha)).convert(mode)
        assert colour_of(image, kind) == pytest.approx([grey] * 3, abs=1)


def test_transparent_colours_do_not_bleed_into_opaque_neighbours() -> None:
    image = Image.new("RGBA", (400, 400), (*RED, 0))
    image.paste((*BLUE, 255), (200, 0, 400, 400))
    (view,) = views(decode(encoded(image, "PNG"), SIZE_PX, LIMITS))
    assert view[:, :, 1].min() >= 10 and view[16, 15] == pytest.approx((132, 132, 252), abs=125)
    assert np.all(view[:, :15] == WHITE) and np.all(view[:, 17:] == BLUE)


def test_a_palette_with_a_transparent_entry_is_laid_on_white() -> None:
    image = quadrants().quantize(4)
    for kind in ("PNG", "GIF"):
        data = encoded(image, kind, transparency=image.getpixel((5, 5)))
        top_left, top_right = views(decode(data, SIZE_PX, LIMITS, (TOP_LEFT, TOP_RIGHT)))
        assert np.all(top_left == WHITE) and centre(top_right) == pytest.approx(GREEN, abs=3)


def test_a_transparent_colour_of_an_rgb_or_grey_png_is_laid_on_white() -> None:
    assert colour_of(Image.new("RGB", (40, 40), RED), "PNG", transparency=RED) == [255] * 3
    assert colour_of(Image.new("L", (40, 40), 7), "PNG", transparency=7) == [255] * 3


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_neither_inverted_nor_negative(kind: str) -> None:
    """A JPEG in CMYK, as Adobe writes it, stores its inks inverted; a TIFF does not."""
    assert colour_of(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), kind) == pytest.approx(
        [255, 0, 0], abs=3
    )
    assert colour_of(Image.new("CMYK", (40, 40), (0, 0, 0, 0)), kind) == pytest.approx(
        [255] * 3, abs=3
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF"])
def test_greyscale_becomes_rgb(kind: str) -> None:
    assert colour_of(Image.new("L", (40, 40), 77), kind) == pytest.approx([77] * 3, abs=1)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_black_and_white_is_black_and_white(kind: str) -> None:
    assert colour_of(Image.new("1", (40, 40), 1), kind) == [255] * 3
    assert colour_of(Image.new("1", (40, 40), 0), kind) == [0] * 3


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (65535, 255), (32768, 128), (300, 1)])
def test_16_bit_grey_keeps_its_range(value: int, grey: int) -> None:
    image = Image.new("I;16", (40, 40), value)
    assert colour_of(image, "PNG") == [grey] * 3
    assert colour_of(image, "TIFF") == [grey] * 3
    assert colour_of(image.convert("I").convert("I;16B"), "TIFF") == [grey] * 3


def test_16_bit_rgb_keeps_its_range() -> None:
    """Written by hand: Pillow reads such files but does not write them."""
    pixel = np.array([65535, 32768, 256], ">u2").tobytes()
    rows = (b"\0" + pixel * 8) * 8
    buffer = BytesIO()
    buffer.write(b"\x89PNG\r\n\x1a\n")
    PngImagePlugin.putchunk(buffer, b"IHDR", b"\0\0\0\x08\0\0\0\x08\x10\x02\0\0\0")
    PngImagePlugin.putchunk(buffer, b"IDAT", zlib.compress(rows))
    PngImagePlugin.putchunk(buffer, b"IEND", b"")
    (view,) = views(decode(buffer.getvalue(), SIZE_PX, LIMITS))
    assert centre(view) == pytest.approx([255, 128, 1], abs=1)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bit_values_are_stretched_from_darkest_to_brightest(mode: str) -> None:
    image = Image.new(mode, (40, 40), -1000)
    image.paste(3000, (20, 0, 40, 40))
    dark, bright = views(decode(encoded(image, "TIFF"), SIZE_PX, LIMITS, (TOP_LEFT, TOP_RIGHT)))
    assert centre(dark) == [0] * 3 and centre(bright) == [255] * 3


def test_infinite_values_do_no_harm() -> None:
    image = Image.new("F", (40, 40), float("inf"))
    assert colour_of(image, "TIFF") == [255] * 3


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in (RED, BLUE)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert centre(views(decode(data, SIZE_PX, LIMITS))[0]) == pytest.approx(RED, abs=12)


def test_of_several_jpegs_in_one_file_the_first_counts() -> None:
    data = encoded(
        Image.new("RGB", (40, 40), RED), "MPO", save_all=True, append_images=[quadrants()]
    )
    decoded = decode(data, SIZE_PX, LIMITS)
    assert decoded.format == "JPEG"
    assert centre(views(decoded)[0]) == pytest.approx(RED, abs=12)


# --- detail ---------------------------------------------------------------------------------------


def photo_like(width_px: int, height_px: int) -> Image.Image:
    """Structure at every scale, from the whole image's down to the pixel's."""
    layers = np.zeros((height_px, width_px, 3))
    noise = np.random.default_rng(5)
    for cells in (3, 11, 47, 190, 800):
        coarse = Image.fromarray(noise.integers(0, 255, (cells, cells, 3), np.uint8))
        layers += np.asarray(coarse.resize((width_px, height_px), Image.Resampling.BICUBIC)) / 5
    return Image.fromarray(layers.astype(np.uint8))


def fully_decoded(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("RGB")


def psnr_db(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_decoding_small_looks_like_decoding_all_of_it(kind: str) -> None:
    data = encoded(photo_like(2000, 1500), kind)
    reference = fully_decoded(data).resize((224, 224), Image.Resampling.BILINEAR)
    view = np.frombuffer(decode(data, 224, LIMITS).views, np.uint8).reshape(224, 224, 3)
    assert psnr_db(view, np.asarray(reference)) > 38


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_small_box_of_a_large_photo_has_its_full_detail(kind: str) -> None:
    data = encoded(photo_like(2000, 1500), kind)
    cut_out = fully_decoded(data).crop((1000, 750, 1250, 1000))
    reference = cut_out.resize((224, 224), Image.Resampling.BILINEAR)
    box = Box(0.5, 0.5, 0.125, 1 / 6)
    view = np.frombuffer(decode(data, 224, LIMITS, [box]).views, np.uint8).reshape(224, 224, 3)
    assert np.array_equal(view, np.asarray(reference))


# --- refused --------------------------------------------------------------------------------------


def reason(data: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(DecodeError) as refused:
        decode(data, SIZE_PX, limits)
    return str(refused.value)


def test_says_in_a_few_words_why_not() -> None:
    assert reason(b"") == "empty file"
    assert reason(b"hello, world") == "not an image"
    assert reason(b"\xff\xd8\xff" + bytes(100)) == "damaged JPEG"
    assert reason(b"8BPS\0\1" + bytes(100)) == "Photoshop files are not supported"
    assert reason(encoded(photo_like(8, 8), "JPEG2000")) == "JPEG 2000 files are not supported"
    assert reason(b"\0\0\0\x18ftypmp42" + bytes(100)) == "video files are not supported"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", AVIF, HEIF])
def test_a_truncated_file_is_noted_or_refused_wherever_it_ends(kind: str) -> None:
    data = encoded(photo_like(64, 48), kind)
    for kept in (0.05, 0.3, 0.6, 0.9):
        try:
            decoded = decode(data[: int(len(data) * kept)], SIZE_PX, LIMITS)
        except DecodeError as refused:
            assert str(refused) in (f"truncated {kind}", f"damaged {kind}"), kept
        else:
            assert decoded.note == INCOMPLETE, kept


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_is_there_of_a_truncated_photo_is_shown(kind: str) -> None:
    """As browsers do: the upper part as it is, the rest of one colour."""
    data = encoded(photo_like(400, 300), kind)
    whole = decode(data, SIZE_PX, LIMITS)
    half = decode(data[: int(len(data) * 0.6)], SIZE_PX, LIMITS)
    assert (half.note, whole.note) == (INCOMPLETE, None)
    upper = slice(0, SIZE_PX * SIZE_PX // 4 * 3)
    differing = [abs(a - b) for a, b in zip(whole.views[upper], half.views[upper], strict=True)]
    assert max(differing) <= 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", AVIF, HEIF])
def test_a_file_that_takes_too_much_memory_is_refused_from_its_header(kind: str) -> None:
    data = encoded(Image.new("RGB", (3000, 2000)), kind)
    decode(data, SIZE_PX, LIMITS)
    if kind == "JPEG":
        return  # it is decoded at an eighth, in 400 KB
    why = reason(data, replace(LIMITS, decode_memory_bytes=4 * MiB))
    assert re.fullmatch(
        r"3000 × 2000 pixels take \d+ MiB of memory to decode, over the limit of 4 "
        r"\(--decode-memory\)",
        why,
    )


@pytest.mark.parametrize(
    ("size", "progressive"),
    [((16384, 12288), False), ((12032, 9024), True), ((30000, 4000), False), ((30000, 4000), True)],
)
def test_photos_of_phones_and_panoramas_fit_under_the_usual_limit(
    size: tuple[int, int], progressive: bool
) -> None:
    """200 megapixels in one scan, 108 in several; only the header counts here."""
    small = encoded(photo_like(64, 48), "JPEG", progressive=progressive)
    frame = small.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    header = struct.pack(">HH", size[1], size[0])
    image = opened(small[: frame + 5] + header + small[frame + 9 :], "JPEG")
    assert image.size == size
    enough = enough_of(size, 224, THUMBNAIL)
    check_cost(image, "JPEG", draft_size(size, [WHOLE], enough), bytes(8 * MiB), LIMITS)
    tight = replace(LIMITS, decode_memory_bytes=8 * MiB)
    with pytest.raises(DecodeError, match="--decode-memory"):
        check_cost(image, "JPEG", size, b"", tight)


@pytest.mark.parametrize(
    ("kind", "size", "file_mib"),
    [("HEIF", (8064, 6048), 8), ("AVIF", (8064, 6048), 8), ("PNG", (30000, 4000), 20)],
)
def test_what_else_phones_make_fits_under_the_usual_limit(
    kind: str, size: tuple[int, int], file_mib: int
) -> None:
    image = Image.Image()
    image._size, image._mode = size, "RGB"
    check_cost(image, kind, size, bytes(file_mib * MiB), LIMITS)
    with pytest.raises(DecodeError, match="--decode-memory"):
        check_cost(image, kind, size, bytes(100 * MiB), LIMITS)


def test_a_jpeg_whose_channels_come_one_after_the_other_is_held_whole() -> None:
    """As a progressive one: no row comes out before the last channel has come."""
    together = encoded(photo_like(64, 48), "JPEG")
    scan = together.index(b"\xff\xda")
    assert together[scan + 4] == 3
    apart = together[: scan + 4] + b"\1" + together[scan + 5 :]
    counted = [
        decoded_bytes(opened(data, "JPEG"), "JPEG", (8, 6), data) for data in (together, apart)
    ]
    assert counted[0] == 8 * 6 * 4
    assert counted[1] == counted[0] + 64 * 48 * 3  # half as much of two channels, two bytes each


def test_the_same_damage_has_the_same_reason_every_time() -> None:
    data = encoded(photo_like(64, 48), "PNG")[:60]
    assert reason(data) == reason(data)
    assert reason(data) in ("truncated PNG", "damaged PNG")
