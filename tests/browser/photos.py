"""A small library to browse: folders, dates, all shapes, duplicates, hostile names, broken files."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from PIL import Image

from tests.fakes import picture

SIZES = ((600, 400), (400, 600), (500, 500), (720, 405))
PLAIN = 40  # photos named photo-00.jpg …, a tenth of a year apart
HOSTILE = (
    "<img src=x onerror=document.title='owned'>.png",
    "\u202egnp.txet.png",
    "ü" * 125 + "x.png",  # 255 bytes
)
EXIF_MAKE, EXIF_MODEL, EXIF_IFD, EXIF_TAKEN = 0x010F, 0x0110, 0x8769, 0x9003


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
        picture(number, width_px, height_px).save(path, quality=90, exif=exif)

    copies = library / "copies"
    copies.mkdir()
    shutil.copy(library / folder_of(3) / name_of(3), copies / "the-same.jpg")
    with Image.open(library / folder_of(5) / name_of(5)) as image:
        image.resize((image.width // 2, image.height // 2)).save(copies / "smaller.jpg")
    both = Image.new("RGB", (800, 400))
    both.paste(picture(8, 400, 400), (0, 0))
    both.paste(picture(9, 400, 400), (400, 0))
    both.save(library / "two-in-one.png")
    picture(50, 300, 200).save(library / "scan.tif")
    picture(51, 300, 200).save(library / "drawing.webp")
    for number, name in enumerate(HOSTILE):
        picture(60 + number, 300, 200).save(library / name)

    (library / "broken.jpg").write_bytes((copies / "smaller.jpg").read_bytes()[:500])
    (library / "notes.jpg").write_text("not an image")
    for path in library.rglob("*.*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))


IMAGES = PLAIN + 2 + 1 + 2 + len(HOSTILE)
REJECTED = ("broken.jpg", "notes.jpg")
