"""cicp: colours that a file describes by numbers are the same as those of a profile."""

from __future__ import annotations

import struct
import zlib
from importlib import util
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from edge_app.config import Limits
from edge_app.photos.children.decode import decode
from edge_app.photos.reading.cicp import PRIMARIES, code_points, profile_of_codes, profile_of_gamma

LIMITS = Limits()
RED, GREY = (220, 30, 30), (128, 128, 128)
P3, SRGB, GAMMA_2_2, PQ, HLG, REC2020 = 12, 13, 4, 16, 18, 9
ADOBE = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)  # cHRM


def half_red_half_grey() -> Image.Image:
    image = Image.new("RGB", (64, 64), RED)
    image.paste(GREY, (32, 0, 64, 64))
    return image


def with_chunks(png: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """The PNG with more chunks, behind its first."""
    new = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return png[:33] + new + png[33:]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def colours_of(data: bytes) -> list[tuple[int, ...]]:
    """The middle of either half, as the model sees it."""
    views = np.frombuffer(decode(data, 32, LIMITS).views, np.uint8).reshape(32, 32, 3)
    return [tuple(map(int, views[16, x])) for x in (8, 24)]


def assert_close(found: list[tuple[int, ...]], right: list[tuple[int, ...]]) -> None:
    assert np.abs(np.array(found) - np.array(right)).max() <= 6, found


def test_png_code_points() -> None:
    png = encoded(half_red_half_grey(), "PNG")
    data = with_chunks(png, (b"cICP", bytes([P3, SRGB, 0, 1])))
    assert_close(colours_of(data), [(240, 0, 0), GREY])
    plain = with_chunks(png, (b"cICP", bytes([1, SRGB, 0, 1])))
    assert_close(colours_of(plain), [RED, GREY])
    unknown = with_chunks(png, (b"cICP", bytes([2, 2, 0, 1])))
    assert_close(colours_of(unknown), [RED, GREY])


def test_png_code_points_go_before_a_profile() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = with_chunks(
        encoded(half_red_half_grey(), "PNG", icc_profile=srgb), (b"cICP", bytes([P3, SRGB, 0, 1]))
    )
    assert_close(colours_of(data), [(240, 0, 0), GREY])


def test_png_code_points_of_srgb_go_before_a_profile_too() -> None:
    p3 = profile_of_codes(P3, SRGB)
    png = encoded(half_red_half_grey(), "PNG", icc_profile=p3)
    assert_close(colours_of(png), [(240, 0, 0), GREY])
    assert_close(colours_of(with_chunks(png, (b"cICP", bytes([1, SRGB, 0, 1])))), [RED, GREY])
    assert_close(colours_of(with_chunks(png, (b"cICP", bytes([2, 2, 0, 1])))), [(240, 0, 0), GREY])


@pytest.mark.parametrize("kind", [b"cICP", b"gAMA", b"iCCP"])
def test_what_a_png_says_of_its_colours_behind_the_picture_does_not_count(kind: bytes) -> None:
    body = {
        b"cICP": bytes([P3, SRGB, 0, 1]),
        b"gAMA": struct.pack(">I", 100000),
        b"iCCP": b"x\0\0" + zlib.compress(profile_of_codes(P3, SRGB) or b""),
    }[kind]
    png = encoded(half_red_half_grey(), "PNG")
    chunk = with_chunks(png, (kind, body))[33 : len(with_chunks(png, (kind, body))) - len(png) + 33]
    assert_close(colours_of(png[:-12] + chunk + png[-12:]), [RED, GREY])
    assert colours_of(png[:33] + chunk + png[33:])[0] != RED


@pytest.mark.parametrize(
    "other", [(b"iCCP", b"x\0\0" + zlib.compress(b"none" * 99)), (b"sRGB", b"\x09")]
)
def test_the_gamma_counts_where_a_profile_or_srgb_says_nothing(other: tuple[bytes, bytes]) -> None:
    data = with_chunks(
        encoded(Image.new("L", (64, 64), 55), "PNG"), other, (b"gAMA", struct.pack(">I", 100000))
    )
    assert_close(colours_of(data), [GREY, GREY])


def test_png_points_and_gamma() -> None:
    png = encoded(half_red_half_grey(), "PNG")
    points = (b"cHRM", struct.pack(">8I", *ADOBE))
    data = with_chunks(png, points, (b"gAMA", struct.pack(">I", round(1e5 * 256 / 563))))
    assert_close(colours_of(data), [(255, 24, 24), (129, 129, 129)])
    usual = with_chunks(
        png,
        (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        (b"gAMA", struct.pack(">I", 45455)),
    )
    assert_close(colours_of(usual), [RED, GREY])
    said_srgb = with_chunks(png, (b"sRGB", b"\0"), points, (b"gAMA", struct.pack(">I", 30000)))
    assert_close(colours_of(said_srgb), [RED, GREY])


@pytest.mark.parametrize("points", [(0,) * 8, (2**32 - 1,) * 8, (1,) * 8, (31270, 0) * 4])
def test_points_that_span_no_colours_count_as_none(points: tuple[int, ...]) -> None:
    data = with_chunks(
        encoded(half_red_half_grey(), "PNG"),
        (b"cHRM", struct.pack(">8I", *points)),
        (b"gAMA", struct.pack(">I", 45455)),
    )
    assert_close(colours_of(data), [RED, GREY])


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_box_of_code_points(kind: str) -> None:
    if kind == "HEIF":
        if util.find_spec("pillow_heif") is None:
            pytest.skip("pillow-heif is not installed")
        import pillow_heif

        pillow_heif.register_heif_opener()
    data = encoded(half_red_half_grey(), kind, quality=95)
    place = data.index(b"colrnclx") + 8
    assert_close(colours_of(data), [RED, GREY])
    data = data[:place] + struct.pack(">HH", P3, SRGB) + data[place + 4 :]
    assert code_points(data, kind) == (P3, SRGB)
    assert_close(colours_of(data), [(240, 0, 0), GREY])


def test_curves() -> None:
    def shown(profile: bytes | None, colour: tuple[int, ...]) -> tuple[int, ...]:
        assert profile is not None
        of = ImageCms.ImageCmsProfile(BytesIO(profile))
        to_srgb = ImageCms.buildTransform(of, ImageCms.createProfile("sRGB"), "RGB", "RGB")
        pixel = to_srgb.apply(Image.new("RGB", (1, 1), colour)).getpixel((0, 0))
        assert isinstance(pixel, tuple)
        return pixel

    adobe = profile_of_gamma((*PRIMARIES[1][:4], 0.21, 0.71, 0.15, 0.06), 563 / 256)
    assert shown(adobe, RED) == (255, 24, 24)
    assert shown(profile_of_codes(1, 8), (55, 55, 55)) == (128, 128, 128)
    assert shown(profile_of_codes(1, GAMMA_2_2), (128, 128, 128)) == (129, 129, 129)


@pytest.mark.parametrize(
    ("curve", "level", "chromium"),
    [
        (PQ, 0.3570, 63), (PQ, 0.4403, 98), (PQ, 0.5807, 187), (PQ, 0.6762, 232), (PQ, 1.0, 255),
        (HLG, 0.2857, 51), (HLG, 0.5, 99), (HLG, 0.7857, 202), (HLG, 0.9286, 240), (HLG, 1.0, 255),
    ],
)  # fmt: skip
def test_pictures_with_more_than_white_are_as_bright_as_in_chromium(
    curve: int, level: float, chromium: int
) -> None:
    """PQ of 20, 50, 203 (white paper), 500 and 10,000 candela."""
    grey = Image.new("RGB", (64, 64), (round(255 * level),) * 3)
    data = with_chunks(encoded(grey, "PNG"), (b"cICP", bytes([REC2020, curve, 0, 1])))
    assert_close(colours_of(data), [(chromium,) * 3] * 2)


@pytest.mark.parametrize("size", range(0, 60, 3))
def test_a_png_that_is_cut_off_has_none(size: int) -> None:
    assert code_points(encoded(half_red_half_grey(), "PNG")[:size], "PNG") is None
