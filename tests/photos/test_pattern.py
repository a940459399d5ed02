"""pattern: 64 bits that stay when a photo is resized, recompressed or recoloured."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from edge_app.config import Limits
from edge_app.photos.children.decode import decode
from edge_app.photos.pattern import FLAT, WAVES, pattern_of
from tools.testing.pictures import picture


def bits_apart(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def saved(image: Image.Image, quality: int = 90) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def photo(seed: int) -> Image.Image:
    """Soft shapes and a little noise, as photos have."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (9, 12, 3), np.uint8)
    large = Image.fromarray(small).resize((480, 360), Image.Resampling.BICUBIC)
    noise = random.normal(0, 4, (360, 480, 3))
    return Image.fromarray(np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8))


def test_there_are_64_waves_and_turning_swaps_them_among_themselves() -> None:
    assert len(set(WAVES)) == 64
    assert {(v, u) for u, v in WAVES} == set(WAVES)


@pytest.mark.parametrize(
    "edit",
    [
        lambda image: Image.open(BytesIO(saved(image, 20))),
        lambda image: image.resize((120, 90), Image.Resampling.LANCZOS),
        lambda image: image.resize((960, 360)),  # stretched
        ImageOps.grayscale,
        lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    ],
)
def test_an_edited_copy_has_nearly_the_same(edit: Callable[[Image.Image], Image.Image]) -> None:
    apart = [bits_apart(pattern_of(photo(n)), pattern_of(edit(photo(n)))) for n in range(20)]
    assert statistics.median(apart) <= 2
    assert max(apart) <= 6


def test_different_photos_have_different_ones() -> None:
    patterns = [pattern_of(photo(seed)) for seed in range(60)]
    apart = [bits_apart(a, b) for n, a in enumerate(patterns) for b in patterns[:n]]
    assert min(apart) > 12
    assert statistics.median(apart) == pytest.approx(32, abs=1)


def test_flat_and_black_frames_have_none() -> None:
    noise = np.random.default_rng(0).normal(8, 3, (300, 400, 3)).clip(0, 255).astype(np.uint8)
    for image in (Image.new("RGB", (400, 300)), Image.fromarray(noise)):
        assert pattern_of(image) == FLAT
    assert pattern_of(photo(1)) != FLAT


def test_decoding_makes_it_of_the_upright_photo() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    photo(3).rotate(90, expand=True).save(file, "JPEG", quality=95, exif=exif)
    upright = decode(saved(photo(3), 95), 224, Limits())
    stored_on_its_side = decode(file.getvalue(), 224, Limits())
    assert bits_apart(upright.pattern, stored_on_its_side.pattern) <= 2


def test_a_thumbnail_has_nearly_that_of_its_photo(flowers: Path) -> None:
    for file in random.Random(0).sample(sorted(flowers.rglob("*.jpg")), 30):
        decoded = decode(file.read_bytes(), 224, Limits())
        again = decode(decoded.thumbnail, 1, Limits())
        assert bits_apart(decoded.pattern, again.pattern) <= 4


def test_a_tiny_picture_has_one_too() -> None:
    assert 0 < pattern_of(picture(1, 2, 1)) < 2**64
