"""Files that are legal and rare, or damaged, come out as other programs show them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_app.config import Limits
from edge_app.errors import DecodeError
from edge_app.photos.children.decode import INCOMPLETE, Decoded, decode
from edge_app.photos.reading.bigtiff import as_tiff
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


def tiff(*pages: tuple[Page, bytes], order: str = "<", below: int = 0, big: bool = False) -> bytes:
    """A TIFF file of these pages, one strip each; the last so many hang below the first."""
    start_bytes, offset, count_code, entry_bytes = (16, "Q", "Q", 20) if big else (8, "I", "H", 12)
    offset_bytes, count_bytes = struct.calcsize("=" + offset), struct.calcsize("=" + count_code)
    body, places = b"", []
    for number, (given, pixels) in enumerate(pages):
        strips = len(given[258]) if given.get(284) == (2,) else 1
        size = len(pixels) // strips
        start = start_bytes + len(body)
        tags = {
            256: (PHOTO.width,), 257: (PHOTO.height,), 259: (1,), 277: (len(given[258]),),
            278: (PHOTO.height,), **given,
            273: [start + n * size for n in range(strips)], 279: [size] * strips,
        }  # fmt: skip
        if number == 0 and below:
            tags[330] = [0]
        table, more = struct.pack(order + count_code, len(tags)), b""
        after = start + len(pixels) + count_bytes + entry_bytes * len(tags) + offset_bytes
        for tag, values in sorted(tags.items()):
            kind, code = ((16, "Q") if big else (4, "I")) if tag in (273, 279, 330) else (3, "H")
            data = struct.pack(f"{order}{len(values)}{code}", *values)
            if len(data) > offset_bytes:
                data, more = struct.pack(order + offset, after + len(more)), more + data
            head = struct.pack(order + "HH" + offset, tag, kind, len(values))
            table += head + data.ljust(offset_bytes, b"\0")
        places.append(start + len(pixels))
        body += pixels + table + bytes(offset_bytes) + more
    mark = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", 43 if big else 42)
    head = mark + (struct.pack(order + "HHQ", 8, 0, 0) if big else bytes(4))
    whole = bytearray(head + body)
    for number, place in enumerate(places):
        if number == 0:
            at = start_bytes - offset_bytes
        else:
            parent = places[0] if number >= len(places) - below else places[number - 1]
            (count,) = struct.unpack_from(order + count_code, whole, parent)
            rows = [parent + count_bytes + entry_bytes * n for n in range(count + 1)]
            at = rows[-1]
            if number >= len(places) - below:
                found = next(r for r in rows if struct.unpack_from(order + "H", whole, r)[0] == 330)
                at = found + entry_bytes - offset_bytes
        struct.pack_into(order + offset, whole, at, place)
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
@pytest.mark.parametrize("big", [False, True])
def test_of_a_tiff_the_page_that_is_no_thumbnail_is_shown(
    flag: Page, below: int, order: str, big: bool
) -> None:
    page = (RGB_PAGE, PHOTO.tobytes())
    data = tiff((SMALL[0] | flag, SMALL[1]), page, order=order, below=below, big=big)
    decoded = decode(data, SIZE_PX, LIMITS)
    assert (decoded.width_px, decoded.height_px) == PHOTO.size
    assert difference(decoded, RIGHT) < 2


def test_a_tiff_of_nothing_but_a_flagged_page_is_shown() -> None:
    data = tiff((RGB_PAGE | {254: (1,)}, PHOTO.tobytes()))
    assert difference(decode(data, SIZE_PX, LIMITS), RIGHT) < 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("kind", ["16 white", "16", "32", "32 white", "float white", "signed"])
def test_greys_of_many_bits_keep_their_range(kind: str, compression: int, order: str) -> None:
    bits, white = {"f": 32, "s": 16}.get(kind[0]) or int(kind[:2]), kind.endswith("white")
    levels = 255 - GREY if white else GREY
    pixels = {
        "16": levels.astype(order + "u2") * 257,
        "32": (levels.astype("u4") << 24).astype(order + "u4"),
        "fl": (levels / 255).astype(order + "f4"),
        "si": (levels.astype(int) * 100).astype(order + "i2"),
    }[kind[:2]]
    page: Page = {
        258: (bits,), 262: (0 if white else 1,), 259: (compression,),
        339: ({"f": 3, "s": 2}.get(kind[0], 1),),
    }  # fmt: skip
    data = pixels.tobytes() if compression == 1 else zlib.compress(pixels.tobytes())
    decoded = decode(tiff((page, data), order=order), SIZE_PX, LIMITS)
    low, high = int(GREY.min()), int(GREY.max())
    right = (as_grey() - low) * 255 // (high - low) if kind[0] in "fs" else as_grey()
    assert difference(decoded, right) < 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("white", [1, 65535])
@pytest.mark.parametrize("alpha", [False, True])
def test_colours_of_floats_are_right(alpha: bool, white: int, compression: int, order: str) -> None:
    pixels = (np.asarray(PHOTO) * (white / 255)).astype(order + "f4")
    page: Page = {258: (32,) * 3, 262: (2,), 339: (3,) * 3, 259: (compression,), 274: (3,)}
    if alpha:
        pixels = np.dstack([pixels, np.ones(GREY.shape)]).astype(order + "f4")
        page |= {258: (32,) * 4, 338: (2,), 339: (3,) * 4}
    data = pixels.tobytes() if compression == 1 else zlib.compress(pixels.tobytes())
    decoded = decode(tiff((page, data), order=order), SIZE_PX, LIMITS)
    brightest = 255 if white == 1 else np.asarray(PHOTO).max()
    assert (decoded.width_px, decoded.height_px) == PHOTO.size
    assert difference(decoded, RIGHT[::-1, ::-1] * 255 // brightest) < 2


@pytest.mark.parametrize("tag", [284, 317])
def test_colours_of_floats_that_lie_apart_or_are_differences_are_not_called_damaged(
    tag: int,
) -> None:
    page: Page = {258: (32,) * 3, 262: (2,), 339: (3,) * 3, 259: (8,), tag: (2,)}
    pixels = zlib.compress(np.asarray(PHOTO).astype("<f4").tobytes())
    assert refusal(tiff((page, pixels))) == "TIFF of a kind that the installed Pillow can't read"


def test_greys_of_12_bits_keep_their_range() -> None:
    pairs = (GREY.astype(int) * 4095 // 255).reshape(-1, 2)
    triples = [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255]
    data = tiff(({258: (12,), 262: (1,)}, np.stack(triples, 1).astype(np.uint8).tobytes()))
    assert difference(decode(data, SIZE_PX, LIMITS), as_grey()) < 2


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_cmyk_with_a_fifth_channel_is_right(extra: int) -> None:
    pixels = np.dstack([np.asarray(PHOTO.convert("CMYK")), np.full(GREY.shape, 255, np.uint8)])
    data = tiff(({258: (8,) * 5, 262: (5,), 338: (extra,)}, pixels.tobytes()))
    assert difference(decode(data, SIZE_PX, LIMITS), RIGHT) < 2


def test_a_tiff_with_subsampled_colours_is_right() -> None:
    assert difference(decode(tiff(subsampled()), SIZE_PX, LIMITS), RIGHT) < 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_whose_channels_come_one_after_the_other_is_right(
    bits: int, order: str, big: bool
) -> None:
    channels = np.moveaxis(np.asarray(PHOTO), 2, 0)
    pixels = channels if bits == 8 else channels.astype(order + "u2") * 257
    page: Page = {258: (bits,) * 3, 262: (2,), 284: (2,)}
    decoded = decode(tiff((page, pixels.tobytes()), order=order, big=big), SIZE_PX, LIMITS)
    assert difference(decoded, RIGHT) < 2


def test_a_bigtiff_whose_directories_lead_in_circles_or_out_of_it_is_refused_in_time() -> None:
    data = tiff((RGB_PAGE, PHOTO.tobytes()), (RGB_PAGE, PHOTO.tobytes()), big=True, below=1)
    (first,) = struct.unpack_from("<Q", data, 8)
    for place in range(first, len(data) - 8, 4):
        for value in (0, first, 2**40, 2**64 - 1):
            damaged = data[:place] + struct.pack("<Q", value) + data[place + 8 :]
            assert len(as_tiff(damaged)) <= 2 * len(data)


@pytest.mark.parametrize("compression", [34712, 34887, 50001, 50002, 52546])
@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_compressed_in_a_way_not_built_in_is_not_called_damaged(
    compression: int, big: bool
) -> None:
    data = tiff((RGB_PAGE | {259: (compression,)}, b"something else"), big=big)
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


def test_a_jpeg_of_another_kind_is_not_called_damaged() -> None:
    """JPEG-LS, and one whose height comes behind the picture, which libjpeg does not read."""
    data = encoded(PHOTO, "JPEG")
    frame = data.index(b"\xff\xc0")
    for odd in (
        data[:frame] + b"\xff\xf7" + data[frame + 2 :],
        data[: frame + 5] + bytes(2) + data[frame + 7 :],
    ):
        assert refusal(odd) == "JPEG of a kind that the installed Pillow can't read"


@pytest.mark.parametrize(
    "segment", [b"\xedPhotoshop 3.0\x008BIM\4\4", b"\xe0JFIF\0", b"\xeeAdobe\0"]
)
def test_a_jpeg_with_a_broken_segment_beside_the_picture_is_shown(segment: bytes) -> None:
    data = encoded(PHOTO, "JPEG", quality=95)
    more = b"\xff" + segment[:1] + struct.pack(">H", len(segment) + 1) + segment[1:]
    decoded = decode(data[:20] + more + data[20:], SIZE_PX, LIMITS)
    assert decoded.note == INCOMPLETE
    assert difference(decoded, RIGHT) < 5


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_what_is_missing_of_a_jpeg_is_white_as_browsers_leave_it_out(mode: str) -> None:
    data = encoded(photo_like(400, 300).convert(mode), "JPEG")
    view = decode(data[: len(data) // 2], SIZE_PX, LIMITS).views
    assert set(view[-SIZE_PX * SIZE_PX * 3 // 4 :]) == {255}


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_whose_end_comes_early_is_noted(mode: str) -> None:
    data = encoded(photo_like(400, 300).convert(mode), "JPEG")
    decoded = decode(data[: len(data) // 2] + b"\xff\xd9", SIZE_PX, LIMITS)
    assert decoded.note == INCOMPLETE
    assert set(decoded.views[-SIZE_PX * SIZE_PX * 3 // 4 :]) == {128}  # as browsers show it
    grey_below = Image.new("RGB", (400, 300), (128,) * 3)
    grey_below.paste(photo_like(400, 200))
    assert decode(encoded(grey_below, "JPEG"), SIZE_PX, LIMITS).note is None


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


def png(*chunks: tuple[bytes, bytes], broken: bytes = b"") -> bytes:
    """A file of these chunks, with another checksum in those of the kind `broken`."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, content in chunks:
        checksum = zlib.crc32(kind + content) ^ (kind == broken)
        parts.append(struct.pack(">I4s", len(content), kind) + content)
        parts.append(struct.pack(">I", checksum))
    return b"".join(parts)


def broken(data: bytes, kind: bytes) -> bytes:
    """With another checksum in the chunks of this kind."""
    chunks = ((name, content) for name, content, _ in png_chunks(data) if name)
    return png(*chunks, broken=kind)


BOMB = zlib.compress(bytes(20_000_000))
WIDE, P3 = profile_of_codes(9, 8) or b"", profile_of_codes(12, 13) or b""
ODD_CHUNKS = {
    "text": [(b"tEXt", b"Comment\0hello")],
    "gamma": [(b"gAMA", (100000).to_bytes(4))],
    "profile": [(b"iCCP", b"x\0\0" + zlib.compress(WIDE))],
    "text that is huge": [(b"zTXt", b"Comment\0\0" + BOMB)],
    "XMP that is huge": [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB)],
    "many texts": [(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(bytes(900_000)))] * 90,
    "a way to compress that is none": [(b"iCCP", b"x\0\1" + zlib.compress(WIDE))],
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


def test_more_transparency_than_colours_is_passed_over() -> None:
    chunks = [chunk[:2] for chunk in png_chunks(encoded(PHOTO.quantize(256), "PNG"))][:-1]
    chunks.insert(2, (b"tRNS", bytes(300)))
    assert chunks[1][0] == b"PLTE"
    decoded = decode(png(*chunks), SIZE_PX, LIMITS)
    assert decoded.note == INCOMPLETE
    assert difference(decoded, RIGHT) < 4


def interlaced(image: Image.Image) -> bytes:
    """A PNG in seven passes (W3C PNG, 8.1), without filters."""
    pixels = np.asarray(image)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2)]  # fmt: skip
    rows = [b"\0" + row.tobytes() for x, y, dx, dy in passes for row in pixels[y::dy, x::dx]]
    plain = encoded(image, "PNG")
    head = plain[16:28] + b"\1"
    return png((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95])
def test_a_cut_interlaced_png_is_the_coarse_picture_that_is_there(part: float) -> None:
    photo = photo_like(300, 203)
    data = interlaced(photo)
    right = np.asarray(photo.resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR)).astype(int)
    assert difference(decode(data, SIZE_PX, LIMITS), right) < 2
    decoded = decode(data[: int(len(data) * part)], SIZE_PX, LIMITS)
    assert decoded.note == INCOMPLETE
    assert difference(decoded, right) < 12


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_what_is_missing_of_a_png_is_white(mode: str) -> None:
    data = encoded(photo_like(400, 300).convert(mode), "PNG")
    view = decode(data[: len(data) // 2], SIZE_PX, LIMITS).views
    assert min(view[-SIZE_PX * SIZE_PX * 3 // 4 :]) >= (250 if mode == "P" else 255)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "I;16"])
def test_a_png_with_fewer_rows_than_it_says_is_noted(mode: str) -> None:
    photo = photo_like(400, 300)
    image = photo.quantize(256) if mode == "P" else photo.convert("L" if mode[0] == "I" else mode)
    chunks = [chunk[:2] for chunk in png_chunks(encoded(image.convert(mode), "PNG")) if chunk[0]]
    rows = zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"))
    half = (b"IDAT", zlib.compress(rows[: len(rows) // 2]))
    parts = [chunk for chunk in chunks if chunk[0] != b"IDAT"]
    decoded = decode(png(*parts[:-1], half, parts[-1]), SIZE_PX, LIMITS)
    assert decoded.note == INCOMPLETE
    assert set(decoded.views[-SIZE_PX * SIZE_PX * 3 // 4 :]) == {255}
    black_below = Image.new("RGB", (400, 300))
    black_below.paste(photo_like(400, 200))
    assert decode(encoded(black_below, "PNG"), SIZE_PX, LIMITS).note is None


@pytest.mark.parametrize("kind", ["iCCP", "gAMA", "eXIf"])
def test_the_first_of_several_chunks_counts(kind: str) -> None:
    turned = [b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0%c" % o + bytes(6) for o in (6, 3)]
    contents = {
        "iCCP": [b"x\0\0" + zlib.compress(profile) for profile in (WIDE, P3)],
        "gAMA": [gamma.to_bytes(4) for gamma in (100000, 45455)],
        "eXIf": turned,
    }[kind]
    first, second = ((kind.encode(), content) for content in contents)
    plain = encoded(PHOTO, "PNG")
    both = decode(with_chunks(plain, first, second), SIZE_PX, LIMITS)
    assert both.views == decode(with_chunks(plain, first), SIZE_PX, LIMITS).views
    assert both.views != decode(with_chunks(plain, second), SIZE_PX, LIMITS).views


def test_a_png_that_claims_more_than_it_has_is_shown() -> None:
    """Its last chunk goes on behind the picture, and a text is broken."""
    large = Image.linear_gradient("L").convert("RGB")
    text = with_chunks(encoded(large, "PNG"), (b"tEXt", b"Comment\0hello"))
    data = bytearray(broken(text, b"tEXt"))
    place = data.index(b"IDAT")
    data[place - 4 : place] = (2**24).to_bytes(4)
    decoded = decode(bytes(data) + bytes(200_000), SIZE_PX, LIMITS)
    assert decoded.note == INCOMPLETE
    assert decoded.views == decode(encoded(large, "PNG"), SIZE_PX, LIMITS).views


@pytest.mark.parametrize(("bits", "rest"), [(2, 170), (4, 34)])
def test_the_grey_of_few_bits_that_means_transparent_is_white(bits: int, rest: int) -> None:
    """The left half has the value 1, the right half the value 2."""
    left, right = (int(("0" * bits + format(v, "b"))[-bits:] * (8 // bits), 2) for v in (1, 2))
    row = b"\0" + bytes([left] * (4 * bits) + [right] * (4 * bits))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 64, 64, bits, 0, 0, 0, 0)), (b"tRNS", b"\0\1"),
        (b"IDAT", zlib.compress(row * 64)), (b"IEND", b""),
    ]  # fmt: skip
    view = decode(png(*chunks), SIZE_PX, LIMITS).views
    assert (view[0], view[SIZE_PX * 3 - 1]) == (255, rest)


def test_of_an_animated_png_with_a_stand_in_the_animation_is_shown() -> None:
    other = PHOTO.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    data = encoded(other, "PNG", save_all=True, append_images=[PHOTO, other], default_image=True)
    assert difference(decode(data, SIZE_PX, LIMITS), RIGHT) < 2


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


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("colours", [64, 256])
def test_what_is_missing_of_a_gif_is_white_or_coarse(interlaced: bool, colours: int) -> None:
    photo = photo_like(300, 203).quantize(colours)
    data = encoded(photo, "GIF", interlace=interlaced)
    decoded = decode(data[: len(data) * 2 // 3], SIZE_PX, LIMITS)
    right = np.frombuffer(decode(data, SIZE_PX, LIMITS).views, np.uint8)
    assert decoded.note == INCOMPLETE
    if interlaced:
        assert difference(decoded, right.reshape(SIZE_PX, SIZE_PX, 3).astype(int)) < 12
    else:
        assert min(decoded.views[-SIZE_PX * 3 * 4 :]) >= 250


def bitmap(
    bits: int,
    rows: bytes,
    more: bytes,
    kind: int = 0,
    head_bytes: int = 40,
    used: int = 0,
    size: tuple[int, int] = PHOTO.size,
) -> bytes:
    """A BMP file; more: what is between the first 40 bytes of its header and the pixels."""
    start = 14 + 40 + len(more)
    shape = struct.pack("<IiiHH", head_bytes, *size, 1, bits)
    info = shape + struct.pack("<IIiiII", kind, len(rows), 0, 0, used, 0)
    return struct.pack("<2sI4xI", b"BM", start + len(rows), start) + info + more + rows


def greys(levels: Sequence[int]) -> bytes:
    """The palette of a BMP."""
    return b"".join(bytes((level,) * 3) + b"\0" for level in levels)


@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (32, (0x3FF << 20, 0x3FF << 10, 0x3FF)),
        (32, (0xFFE00000, 0x1FFC00, 0x3FF)),
        (32, (0xFF00, 0xFF0000, 0xFF000000, 0xFF)),
        (16, (0xF00, 0xF0, 0xF)),
        (16, (0xF, 0xF0, 0xF00, 0xF000)),
        (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
        (16, (0xF800, 0x7C0, 0x3E, 1)),
    ],
)
def test_a_bmp_may_have_its_colours_in_any_bits(bits: int, masks: tuple[int, ...]) -> None:
    pixels = np.zeros(GREY.shape, np.uint32)
    channels = np.asarray(PHOTO.convert("RGBA")).astype(np.uint32)
    for number, mask in enumerate(masks):
        lowest, most = (mask & -mask).bit_length() - 1, (1 << mask.bit_count()) - 1
        pixels |= (channels[..., number] * most // 255 << lowest).astype(np.uint32)
    size = 108 if len(masks) > 3 else 40
    more = struct.pack(f"<{len(masks)}I", *masks)
    rows = pixels[::-1].astype(f"<u{bits // 8}").tobytes()
    data = bitmap(bits, rows, more.ljust(size - 40, b"\0") if size > 40 else more, 3, size)
    assert difference(decode(data, SIZE_PX, LIMITS), RIGHT) < 10


@pytest.mark.parametrize(
    ("bits", "levels", "used"), [(8, 2, 2), (4, 2, 2), (2, 4, 4), (2, 4, 0), (8, 256, 300)]
)
def test_a_bmp_of_few_greys_is_right(bits: int, levels: int, used: int) -> None:
    """One of two colours, or more of them than a pixel can name."""
    values = (GREY.astype(int) * (levels - 1) // 255)[::-1].reshape(-1, 8 // bits)
    shifts = 8 - bits * np.arange(1, 8 // bits + 1)
    rows = (values << shifts).sum(1).astype(np.uint8)
    palette = greys([value * 255 // (levels - 1) for value in range(levels)])
    palette += bytes(4 * max(0, used - levels))
    upright = values.reshape(GREY.shape)[::-1] * 255 // (levels - 1)
    decoded = decode(bitmap(bits, rows.tobytes(), palette, used=used), SIZE_PX, LIMITS)
    whole = encoded(Image.fromarray(upright.astype(np.uint8)), "PNG")
    assert decoded.views == decode(whole, SIZE_PX, LIMITS).views


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


def test_a_run_length_coded_bmp_may_end_before_its_last_row() -> None:
    data = run_lengths(PHOTO.quantize(256))
    row_bytes = 2 * PHOTO.width + 2
    early = data[: len(data) - 2 - 20 * row_bytes] + b"\0\1"
    decoded = decode(early, SIZE_PX, LIMITS)
    lower = SIZE_PX * SIZE_PX * 3 // 2
    assert decoded.note is None
    assert decoded.views[lower:] == decode(data, SIZE_PX, LIMITS).views[lower:]


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


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("rest", ["missing", "zeros", "not counted"])
def test_what_is_missing_of_a_webp_is_white(mode: str, lossless: bool, rest: str) -> None:
    data, whole = noisy("WEBP", mode, lossless=lossless, method=0)
    there = len(data) // 4 * 2
    cut = data[:there] + (bytes(len(data) - there) if rest == "zeros" else b"")
    if rest == "not counted" and data[12:16] != b"VP8X":
        cut = data[:4] + struct.pack("<I8sI", there - 8, data[8:16], there - 20) + data[20:there]
    decoded = decode(cut, SIZE_PX, LIMITS)
    assert decoded.note == INCOMPLETE
    assert difference(decoded, whole, SIZE_PX // 4) < 4
    assert set(decoded.views[-SIZE_PX * SIZE_PX * 3 // 8 :]) == {255}


@cache
def noisy(kind: str, mode: str = "RGB", **options: object) -> tuple[bytes, NDArray[np.int_]]:
    """A file whose lower half is noise, and how it looks."""
    image = photo_like(400, 300)
    image.paste(Image.effect_noise((400, 150), 90).convert("RGB"), (0, 150))
    data = encoded(image.convert(mode), kind, quality=90, **options)
    view = np.frombuffer(decode(data, SIZE_PX, LIMITS).views, np.uint8)
    return data, view.reshape(SIZE_PX, SIZE_PX, 3).astype(int)


@pytest.mark.parametrize("part", [0.5, 0.9, 0.97, 0.99, 0.999])
@pytest.mark.parametrize("rest", ["missing", "zeros"])
def test_an_avif_that_lacks_its_end_is_shown_as_far_as_it_goes(part: float, rest: str) -> None:
    data, whole = noisy("AVIF", speed=10)
    there = int(len(data) * part)
    missing_bytes = len(data) - there if rest == "zeros" else 0
    decoded = decode(data[:there] + bytes(missing_bytes), SIZE_PX, LIMITS)
    assert (decoded.note == INCOMPLETE) == (rest == "missing" or missing_bytes >= 4096)
    assert difference(decoded, whole, SIZE_PX // 4) < 6


@pytest.mark.parametrize("kind", ["AVIF", "TIFF", "WEBP"])
def test_a_file_that_is_only_cut_is_not_called_damaged(kind: str) -> None:
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    data = encoded(PHOTO, kind, **options)
    assert refusal(data[:100]) == f"truncated {kind}"


def test_a_heic_that_lacks_its_end_is_shown_as_far_as_it_goes() -> None:
    pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    data = encoded(photo_like(512, 512), "HEIF")
    decoded = decode(data[: len(data) * 3 // 4], SIZE_PX, LIMITS)
    whole = np.frombuffer(decode(data, SIZE_PX, LIMITS).views, np.uint8)
    right = whole.reshape(SIZE_PX, SIZE_PX, 3).astype(int)
    assert decoded.note == INCOMPLETE
    assert difference(decoded, right, SIZE_PX // 4) < 6
