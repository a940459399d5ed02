"""colour: whatever space a file's pixels are in, thumbnail and views are sRGB."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from edge_app.config import Limits
from edge_app.model.embed import Embedder
from edge_app.photos.children.decode import Decoded, decode
from tests.conftest import ROOT

LEVELS = 6  # by which a patch may be off
CASES = ROOT.parent / "shared/cases/photos"
SIZE_PX = 32

# The chromaticities of each space, all with D65 as their white, and its exponent.
SPACES = {
    "P3": (((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), 2.2),
    "Adobe RGB": (((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), 2.2),
    "wide": (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), 1.8),
}
D50 = (0.9642, 1.0, 0.8249)
BRADFORD_D65_TO_D50 = np.array(
    [[1.0479, 0.0229, -0.0502], [0.0296, 0.9904, -0.0171], [-0.0092, 0.0151, 0.7517]]
)


def profile_of(space: str) -> bytes:
    """A matrix profile (ICC.1:2010): primaries as XYZ under D50, one gamma."""
    primaries, gamma = SPACES[space]
    xyz = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([0.3127 / 0.329, 1.0, (1 - 0.3127 - 0.329) / 0.329])
    matrix = BRADFORD_D65_TO_D50 @ (xyz * np.linalg.solve(xyz, white))

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz_tag(values: Any) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(number, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    return profile_with(
        {
            b"wtpt": xyz_tag(D50), b"rXYZ": xyz_tag(matrix[:, 0]), b"gXYZ": xyz_tag(matrix[:, 1]),
            b"bXYZ": xyz_tag(matrix[:, 2]), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
        }
    )  # fmt: skip


def table_profile() -> bytes:
    """A profile with one table (ICC.1:2001, 6.5.10), which makes every colour the same grey."""
    grid, lab = 2, bytes([round(0.5 * 255), 128, 128])
    identity = struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    table = b"mft1\0\0\0\0" + bytes([3, 3, grid, 0]) + identity
    table += bytes(range(256)) * 3 + lab * grid**3 + bytes(range(256)) * 3
    return profile_with({b"A2B1": table}, b"Lab ")


def profile_with(tags: dict[bytes, bytes], connection: bytes = b"XYZ ") -> bytes:
    """A profile of RGB with these tags, and those that every one has."""
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0none\0\0\0\0", **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", b"RGB ", connection)
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", *(round(v * 65536) for v in D50))
    return head.ljust(128, b"\0") + table + body


def written(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    if kind == "JPEG":
        options = {"quality": 98, "subsampling": 0, **options}
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def in_space(image: Image.Image, space: str) -> tuple[Image.Image, bytes]:
    """The same colours, in the numbers of another space, and its profile."""
    profile = profile_of(space)
    read = ImageCms.ImageCmsProfile(BytesIO(profile))
    converted = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), read)
    assert converted is not None
    del converted.info["icc_profile"]  # or it would be written whether asked for or not
    return converted, profile


def pixel(decoded: Decoded) -> tuple[int, ...]:
    """The middle of the view."""
    middle = np.frombuffer(decoded.views, np.uint8).reshape(-1, SIZE_PX, SIZE_PX, 3)
    return tuple(middle[0, SIZE_PX // 2, SIZE_PX // 2].tolist())


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= LEVELS


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("space", SPACES)
def test_a_profile_is_followed_in_every_format_that_carries_one(space: str, kind: str) -> None:
    colour = (170, 90, 60)
    image, profile = in_space(Image.new("RGB", (64, 64), colour), space)
    options = {"lossless": True} if kind == "WEBP" else {}
    data = written(image, kind, icc_profile=profile, **options)
    assert near(pixel(decode(data, SIZE_PX, Limits())), colour)
    assert not near(pixel(decode(written(image, kind, **options), SIZE_PX, Limits())), colour)


def test_grey_and_transparent_pixels_follow_their_profile_too() -> None:
    image, profile = in_space(Image.new("RGB", (64, 64), (170, 90, 60)), "wide")
    image.putalpha(255)
    data = written(image, "PNG", icc_profile=profile)
    assert near(pixel(decode(data, SIZE_PX, Limits())), (170, 90, 60))


@pytest.mark.parametrize(
    "profile",
    [
        b"", b"nonsense" * 40, profile_of("P3")[:200], profile_of("P3")[:-30], bytes(200),
        profile_of("P3") + bytes(9 << 20),
        struct.pack(">I", 10**6) + profile_of("P3")[4:],
        struct.pack(">I", len(profile_of("P3")) - 30) + profile_of("P3")[4:],
    ],
)  # fmt: skip
def test_a_profile_that_can_not_be_read_counts_as_none(profile: bytes) -> None:
    colour = (170, 90, 60)
    data = written(Image.new("RGB", (64, 64), colour), "TIFF", icc_profile=profile)
    assert near(pixel(decode(data, SIZE_PX, Limits())), colour)


def test_a_profile_of_another_kind_of_pixels_counts_as_none() -> None:
    grey = bytearray(profile_of("wide"))
    grey[16:20] = b"GRAY"
    data = written(Image.new("RGB", (64, 64), (120, 120, 120)), "PNG", icc_profile=bytes(grey))
    assert near(pixel(decode(data, SIZE_PX, Limits())), (120, 120, 120))


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "L"), ("PNG", "L"), ("PNG", "LA")])
def test_greys_with_a_profile_of_rgb_follow_it_as_in_browsers(kind: str, mode: str) -> None:
    """What programs write that take the colours out of a photo: 120 of gamma 1.8 is 138 in sRGB."""
    image = Image.new("L", (64, 64), 120).convert(mode)
    data = written(image, kind, icc_profile=profile_of("wide"))
    assert near(pixel(decode(data, SIZE_PX, Limits())), (138, 138, 138))


def test_a_profile_may_be_a_table_for_colorimetric_intent_only() -> None:
    image = Image.new("RGB", (64, 64), (170, 90, 60))
    data = written(image, "JPEG", icc_profile=table_profile())
    assert near(pixel(decode(data, SIZE_PX, Limits())), (119, 119, 119))  # L* of 50


def test_srgb_profiles_change_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.effect_noise((64, 64), 80).convert("RGB")
    plain, tagged = (
        decode(written(image, "PNG", **options), SIZE_PX, Limits())
        for options in ({}, {"icc_profile": profile})
    )
    assert plain.views == tagged.views


def png_with_gamma(level: int, gamma: float) -> bytes:
    data = written(Image.new("L", (16, 16), level), "PNG")
    chunk = b"gAMA" + struct.pack(">I", round(gamma * 100000))
    return (
        data[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    )


@pytest.mark.parametrize(
    ("gamma", "level", "right"), [(1.0, 55, 128), (0.45455, 77, 77), (0.55556, 100, 124)]
)
def test_the_gamma_of_a_png_is_followed(gamma: float, level: int, right: int) -> None:
    shown = pixel(decode(png_with_gamma(level, gamma), SIZE_PX, Limits()))
    assert near(shown, (right, right, right))


@pytest.mark.parametrize(
    ("name", "corner", "right"),
    [
        ("icc_p3.jpg", (0.02, 0.02), (240, 0, 0)),
        ("icc_adobe.jpg", (0.02, 0.02), (255, 24, 24)),
        ("jpg_motion.jpg", (0.02, 0.02), (220, 30, 30)),
    ],
)
def test_files_that_showed_faults_are_right(
    name: str, corner: tuple[float, float], right: tuple[int, int, int]
) -> None:
    if not CASES.is_dir():
        pytest.skip("../shared/cases is not there")
    decoded = decode((CASES / name).read_bytes(), SIZE_PX, Limits())
    thumbnail = Image.open(BytesIO(decoded.thumbnail))
    place = (round(corner[0] * thumbnail.width), round(corner[1] * thumbnail.height))
    shown = thumbnail.getpixel(place)
    assert isinstance(shown, tuple)
    assert near(tuple(map(int, shown)), right)


@pytest.mark.model
@pytest.mark.parametrize("space", SPACES)
def test_a_photo_embeds_as_its_twin_in_another_space_does(
    model: Path, flowers: Path, space: str
) -> None:
    """Eight bits are few for the widest space: what they round away there nobody can bring back,
    so of those photos the mean counts."""
    embedder = Embedder(model)
    size_px = embedder.card.input_size_px
    cosines = []
    for path in sorted(flowers.rglob("*.jpg"))[::60]:
        with Image.open(path) as opened:
            original = opened.convert("RGB")
        twin, profile = in_space(original, space)
        pixels = [
            decode(data, size_px, Limits()).views
            for data in (written(original, "JPEG"), written(twin, "JPEG", icc_profile=profile))
        ]
        images = np.frombuffer(b"".join(pixels), np.uint8).reshape(2, size_px, size_px, 3)
        one, other = embedder.embed(images)
        cosines.append(float(one @ other))
    assert np.mean(cosines) >= 0.995
    assert space == "wide" or min(cosines) >= 0.995
