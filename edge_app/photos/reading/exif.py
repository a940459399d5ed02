"""What an image's metadata says that the index keeps: which way is up, when, with what camera."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from edge_app.photos.reading.dates import moment_in

CAMERA_CHARS = 100
SHORT, LONG = 3, 4  # the type of an orientation, and of a place (Exif 2.32, 4.6)

DATE = Base.DateTimeOriginal
# TIFF files with a number of their own in place of TIFF's.
RAW_MAGIC = {b"IIRO", b"IIRS", b"MMOR", b"IIU\0"}
BOX = re.compile(rb"(....)CMT[12]", re.DOTALL)  # of CR3: a TIFF file of one directory
BOXES_BYTES = 1 << 16  # from the start, searched for those

Tags = Mapping[int, object]


def read_tags(image: Image.Image) -> Tags:
    """The tags of the first and of the Exif directory, and under GPSInfo those of that directory;
    unreadable metadata is no metadata."""
    try:
        exif = image.getexif()
        return {**exif, **exif.get_ifd(IFD.Exif), Base.GPSInfo: exif.get_ifd(IFD.GPSInfo)}
    except Exception:  # Pillow's parser raises almost anything on hostile bytes
        return {}


def raw_tags(data: bytes, name: str) -> Tags:
    """The same tags of a RAW file, from its bytes."""
    if name == "CR3":
        head = memoryview(data)[:BOXES_BYTES]
        parts = [
            bytes(head[found.end() : found.start() + int.from_bytes(found[1])])
            for found in BOX.finditer(head)
        ]
    elif data[:4] in RAW_MAGIC:
        parts = [(b"II*\0" if data[:2] == b"II" else b"MM\0*") + data[4:]]
    else:
        parts = [data] if data[:2] in (b"II", b"MM") else []
    tags: dict[int, object] = {}
    for part in parts:
        exif = Image.Exif()
        try:
            exif.load(b"Exif\0\0" + part)
            tags |= {**exif, **exif.get_ifd(IFD.Exif)}
        except Exception:  # as above
            continue
    return tags


def orientation(block: object, name: str, tags: Tags) -> int:
    """How the stored image of this format lies, 1 (upright) to 8, as browsers see it.

    They turn a JPEG and a PNG by an Exif orientation of type SHORT, in a PNG before the picture,
    nothing by XMP, and no WebP: so thumbnail, preview and original lie alike. Other formats are
    turned by what decodes them.
    """
    if name in ("JPEG", "PNG"):
        return orientation_in(block.removeprefix(b"Exif\0\0")) if isinstance(block, bytes) else 1
    if name == "WEBP":
        return 1
    value = tags.get(Base.Orientation)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def has_orientation(exif: bytes) -> bool:
    """Whether an Exif block says which way is up."""
    return _orientation_in(exif.removeprefix(b"Exif\0\0")) is not None


def orientation_in(exif: bytes) -> int:
    """The orientation in an Exif block, 1 where there is none."""
    return _orientation_in(exif) or 1


def _orientation_in(exif: bytes) -> int | None:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return None
    try:
        return _orientation_at(exif, order, *struct.unpack_from(order + "I", exif, 4))
    except struct.error:
        return None  # damaged metadata says nothing


def _orientation_at(exif: bytes, order: str, place: int, below: bool = False) -> int | None:
    """The first one in a directory, or in the Exif directory below it, as in Chromium."""
    (entries,) = struct.unpack_from(order + "H", exif, place)
    for at in range(place + 2, place + 2 + 12 * entries, 12):
        tag, kind, count, value = struct.unpack_from(order + "HHIH", exif, at)
        if (tag, kind, count) == (Base.Orientation, SHORT, 1) and 1 <= value <= 8:
            return int(value)
        if (tag, kind, count, below) == (IFD.Exif, LONG, 1, False):
            (place,) = struct.unpack_from(order + "I", exif, at + 8)
            found = _orientation_at(exif, order, place, below=True)
            if found is not None:
                return found
    return None


def taken_at(tags: Tags) -> int | None:
    """The camera's wall clock when it took the photo, read as if UTC, in seconds since 1970.

    Of several dates the first valid one, in the order of trust.
    """
    for tag in (Base.DateTimeOriginal, Base.DateTimeDigitized, Base.DateTime):
        if (moment := moment_in(_text(tags.get(tag)))) is not None:
            return moment
    return None


def _text(value: object) -> str:
    """Of a tag, whose type may be that of bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def taken_ms(tags: Tags) -> int | None:
    """Milliseconds within the second of `taken_at`, which tell the photos of a burst apart."""
    dates = Base.DateTimeOriginal, Base.DateTimeDigitized, Base.DateTime
    fractions = Base.SubsecTimeOriginal, Base.SubsecTimeDigitized, Base.SubsecTime
    for date, fraction in zip(dates, fractions, strict=True):
        if moment_in(_text(tags.get(date))) is not None:
            digits = _line(tags.get(fraction))
            is_number = digits.isascii() and digits.isdigit()
            return int(digits[:3].ljust(3, "0")) if is_number else None
    return None


def is_located(tags: Tags) -> bool:
    """Whether the photo says where it was taken."""
    place = tags.get(Base.GPSInfo)
    return isinstance(place, Mapping) and GPS.GPSLatitude in place and GPS.GPSLongitude in place


def camera(tags: Tags) -> str | None:
    """Make and model, without the make where the model names it: "Canon EOS 5D"."""
    make, model = _line(tags.get(Base.Make)), _line(tags.get(Base.Model))
    if make and not model.casefold().startswith(make.split()[0].casefold()):
        model = f"{make} {model}"
    return model[:CAMERA_CHARS].strip() or None


def _line(value: object) -> str:
    """A text tag as one line of printable characters."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())
