"""What people do to a photo before they wonder where the original is."""

from __future__ import annotations

import random
from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageDraw, ImageEnhance, ImageOps

Edit = Callable[[Image.Image, random.Random], Image.Image]

SAVED_QUALITY = 95  # of JPEG, after every edit but the one that is about it
POOR_QUALITY = 30


def crop(photo: Image.Image, chance: random.Random) -> Image.Image:
    """A part of it, 30 to 95 % of each side."""
    width, height = (round(side * chance.uniform(0.3, 0.95)) for side in photo.size)
    x, y = chance.randint(0, photo.width - width), chance.randint(0, photo.height - height)
    return photo.crop((x, y, x + width, y + height))


def brightness(photo: Image.Image, chance: random.Random) -> Image.Image:
    """30 % brighter or darker."""
    return ImageEnhance.Brightness(photo).enhance(chance.choice((0.7, 1.3)))


def watermark(photo: Image.Image, chance: random.Random) -> Image.Image:
    """A line of white letters, half transparent, a fifth as wide as the photo, in a corner."""
    text = "© NAME"
    letters = Image.new("L", (1, 1))
    left, top, right, bottom = ImageDraw.Draw(letters).textbbox((0, 0), text)
    letters = Image.new("L", (round(right - left), round(bottom - top)))
    ImageDraw.Draw(letters).text((-left, -top), text, fill=128)
    width = photo.width // 5
    letters = letters.resize((width, max(1, width * letters.height // letters.width)))
    margin = photo.width // 40
    x = chance.choice((margin, photo.width - width - margin))
    y = chance.choice((margin, photo.height - letters.height - margin))
    marked = photo.copy()
    marked.paste("white", (x, y), letters)
    return marked


EDITS: dict[str, Edit] = {
    "crop": crop,
    "mirror": lambda photo, _: ImageOps.mirror(photo),
    "turn": lambda photo, chance: photo.rotate(chance.choice((90, 270)), expand=True),
    "brightness": brightness,
    "JPEG 30": lambda photo, _: photo,
    "watermark": watermark,
}


def edited(content: bytes, edit: str, seed: str) -> bytes:
    """The photo in `content` after an edit, as a JPEG; the same for the same seed."""
    quality = POOR_QUALITY if edit == "JPEG 30" else SAVED_QUALITY
    with Image.open(BytesIO(content)) as photo:
        upright = ImageOps.exif_transpose(photo).convert("RGB")
    saved = BytesIO()
    EDITS[edit](upright, random.Random(f"{edit} {seed}")).save(saved, "JPEG", quality=quality)
    return saved.getvalue()
