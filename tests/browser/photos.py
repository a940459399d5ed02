"""A small library: folders, dates, all shapes, duplicates, hostile names, broken files."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

from tools.testing.pictures import SIZES, picture, save

PLAIN = 40  # photos named photo-00.jpg …, a tenth of a year apart
HOSTILE = (
    "<img src=x onerror=document.title='owned'>.png",
    "\u202egnp.txet.png",
    "ü" * 125 + "x.png",  # 255 bytes
)
EXIF_MAKE, EXIF_MODEL, EXIF_IFD, EXIF_TAKEN = 0x010F, 0x0110, 0x8769, 0x9003


def scene(number: int, width_px: int, height_px: int) -> Image.Image:
    """Shapes on smooth colours: unlike any other number's to the model, like its own copies."""
    image = picture(number, width_px, height_px)
    draw = ImageDraw.Draw(image)
    random = Random(number)
    shape = random.choice((draw.rectangle, draw.ellipse))
    size = random.uniform(0.05, 0.5)
    for _ in range(random.choice((1, 4, 20, 80))):
        x, y = random.uniform(-0.1, 0.9) * width_px, random.uniform(-0.1, 0.9) * height_px
        side = size * random.uniform(0.6, 1.4) * min(width_px, height_px)
        colour = tuple(random.randrange(256) for _ in range(3))
        shape((x, y, x + side, y + side), fill=colour, outline="black", width=random.choice((0, 5)))
    return image


def taken_at(number: int) -> datetime:
    return datetime(2019, 1, 15, 12, 33) + timedelta(days=36 * number)


def folder_of(number: int) -> str:
    return f"{taken_at(number).year}/{'spring' if number % 2 else 'autumn'}"


def name_of(number: int) -> str:
    return f"photo-{number:02}.jpg"


def fill(library: Path) -> None:
    """Write the library; file times are old enough to count as settled."""
    for number in range(PLAIN):
        path = library / folder_of(number) / name_of(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[EXIF_MAKE], exif[EXIF_MODEL] = "Canon", "EOS 350D"
        exif.get_ifd(EXIF_IFD)[EXIF_TAKEN] = taken_at(number).strftime("%Y:%m:%d %H:%M:%S")
        width_px, height_px = SIZES[number % len(SIZES)]
        scene(number, width_px, height_px).save(path, quality=90, exif=exif)

    copies = library / "copies"
    copies.mkdir()
    shutil.copy(library / folder_of(3) / name_of(3), copies / "the-same.jpg")
    with Image.open(library / folder_of(5) / name_of(5)) as image:
        image.resize((image.width // 2, image.height // 2)).save(copies / "smaller.jpg", quality=95)
    both = Image.new("RGB", (800, 400))
    both.paste(scene(8, 400, 400), (0, 0))
    both.paste(scene(9, 400, 400), (400, 0))
    both.save(library / "two-in-one.png")
    scene(50, 300, 200).save(library / "scan.tif")
    scene(51, 300, 200).save(library / "drawing.webp")
    for number, name in enumerate(HOSTILE):
        scene(60 + number, 300, 200).save(library / name)

    (library / "broken.jpg").write_bytes((copies / "smaller.jpg").read_bytes()[:500])
    (library / "notes.jpg").write_text("not an image")
    for path in library.rglob("*.*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))


IMAGES = PLAIN + 2 + 1 + 2 + len(HOSTILE)
REJECTED = ("broken.jpg", "notes.jpg")

TWIN_NAMES = ["other.png", "the-same.png", "twin.png"]
TWINS = len(TWIN_NAMES)


def fill_twins(library: Path) -> None:
    """Write a library of one photo twice, and another that is not alike."""
    save(library / "twin.png", 1)
    shutil.copy(library / "twin.png", library / "the-same.png")
    scene(2, 300, 200).save(library / "other.png")
