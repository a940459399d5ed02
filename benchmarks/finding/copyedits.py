"""Copies of a photo as people make them, and pictures that look like copies and are none."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps
from PIL.Image import Resampling

from benchmarks.finding.edits import watermark

Copy = Callable[[Image.Image, random.Random], bytes]
QUALITY = 90  # of JPEG, unless the edit is about it


def jpeg(image: Image.Image, quality: int = QUALITY) -> bytes:
    return _saved(image, "JPEG", quality=quality)


def _saved(image: Image.Image, format: str, **options: int) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def scaled(photo: Image.Image, across: float, down: float | None = None) -> Image.Image:
    down = across if down is None else down
    size = max(1, round(photo.width * across)), max(1, round(photo.height * down))
    return photo.resize(size, Resampling.BICUBIC)


def crop(photo: Image.Image, share: float, chance: random.Random) -> Image.Image:
    """So much of each side, from anywhere."""
    width, height = round(photo.width * share), round(photo.height * share)
    x, y = chance.randint(0, photo.width - width), chance.randint(0, photo.height - height)
    return photo.crop((x, y, x + width, y + height))


def tilted(photo: Image.Image, degrees: float) -> Image.Image:
    """Turned a little, and cut to what is whole."""
    angle, (width, height) = math.radians(degrees), photo.size
    share = 1 / (math.cos(angle) + max(width / height, height / width) * math.sin(angle))
    turned = photo.rotate(degrees, Resampling.BICUBIC)
    x, y = round(width * (1 - share) / 2), round(height * (1 - share) / 2)
    return turned.crop((x, y, width - x, height - y))


def warmer(photo: Image.Image) -> Image.Image:
    red, green, blue = photo.split()
    brighter, darker = red.point(lambda level: level * 1.15), blue.point(lambda level: level * 0.8)
    return Image.merge("RGB", (brighter, green, darker))


COPIES: dict[str, Copy] = {
    "PNG": lambda photo, _: _saved(photo, "PNG"),
    "WebP 60": lambda photo, _: _saved(photo, "WEBP", quality=60),
    "JPEG 50": lambda photo, _: jpeg(photo, 50),
    "JPEG 20": lambda photo, _: jpeg(photo, 20),
    "half size": lambda photo, _: jpeg(scaled(photo, 1 / 2)),
    "quarter size": lambda photo, _: jpeg(scaled(photo, 1 / 4)),
    "double size": lambda photo, _: jpeg(scaled(photo, 2)),
    "stretched ×1.5": lambda photo, _: jpeg(scaled(photo, 1.5, 1)),
    "grey": lambda photo, _: jpeg(ImageOps.grayscale(photo)),
    "brightness ±25 %": lambda photo, chance: jpeg(
        ImageEnhance.Brightness(photo).enhance(chance.choice((0.75, 1.25)))
    ),
    "contrast ±30 %": lambda photo, chance: jpeg(
        ImageEnhance.Contrast(photo).enhance(chance.choice((0.7, 1.3)))
    ),
    "warmer": lambda photo, _: jpeg(warmer(photo)),
    "blur 2 px": lambda photo, _: jpeg(photo.filter(ImageFilter.GaussianBlur(2))),
    "watermark": lambda photo, chance: jpeg(watermark(photo, chance)),
    "mirror": lambda photo, _: jpeg(ImageOps.mirror(photo)),
    "turn 90°": lambda photo, _: jpeg(photo.rotate(90, expand=True)),
    "tilt 2°": lambda photo, _: jpeg(tilted(photo, 2)),
    "tilt 5°": lambda photo, _: jpeg(tilted(photo, 5)),
    "crop 95 %": lambda photo, chance: jpeg(crop(photo, 0.95, chance)),
    "crop 90 %": lambda photo, chance: jpeg(crop(photo, 0.9, chance)),
    "crop 80 %": lambda photo, chance: jpeg(crop(photo, 0.8, chance)),
}

# Saved so well that their files are larger than the original's: detail has to decide.
RESIZED: dict[str, Copy] = {
    "enlarged ×1.3": lambda photo, _: jpeg(scaled(photo, 1.3), 97),
    "enlarged ×2": lambda photo, _: jpeg(scaled(photo, 2), 97),
    "enlarged ×3": lambda photo, _: jpeg(scaled(photo, 3), 97),
    "stretched ×1.5": lambda photo, _: jpeg(scaled(photo, 1.5, 1), 97),
    "enlarged ×2 and turned": lambda photo, _: jpeg(scaled(photo, 2).rotate(90, expand=True), 97),
    "enlarged ×2 and sharpened": lambda photo, _: jpeg(
        scaled(photo, 2).filter(ImageFilter.UnsharpMask(2, 150, 2)), 97
    ),
    "0.8 of its size": lambda photo, _: jpeg(scaled(photo, 0.8), 97),
    "half size": lambda photo, _: jpeg(scaled(photo, 0.5), 97),
    "quarter size": lambda photo, _: jpeg(scaled(photo, 0.25), 97),
}

_WORDS = (
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut "
    "labore et dolore magna aliqua enim ad minim veniam quis nostrud exercitation"
).split()


def text_page(chance: random.Random) -> bytes:
    """A page of other paragraphs in the same layout."""
    page, y = Image.new("RGB", (900, 1270), "white"), 90
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=18)
    while y < 1180:
        for _ in range(chance.randint(4, 9)):
            draw.text((80, y), " ".join(chance.choices(_WORDS, k=11))[:72], "black", font)
            y += 26
        y += 20
    return _saved(page, "PNG")


def chat(chance: random.Random) -> bytes:
    """A screenshot of another conversation in the same program."""
    screen, y = Image.new("RGB", (1080, 1920), (245, 245, 247)), 230
    draw, font = ImageDraw.Draw(screen), ImageFont.load_default(size=32)
    draw.rectangle((0, 0, 1080, 190), fill=(33, 120, 220))
    while y < 1700:
        x, lines = chance.choice((40, 260)), chance.randint(1, 5)
        colour = "white" if x == 40 else (200, 230, 255)
        draw.rounded_rectangle((x, y, x + 780, y + lines * 48 + 40), 24, fill=colour)
        for line in range(lines):
            words = " ".join(chance.choices(_WORDS, k=6))[:44]
            draw.text((x + 30, y + 20 + line * 48), words, "black", font)
        y += lines * 48 + 70
    return _saved(screen, "PNG")
