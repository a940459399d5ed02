"""What an image's metadata says that the index keeps: which way is up, when, with what camera."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from PIL import Image
from PIL.ExifTags import IFD, Base

CAMERA_CHARS = 100
DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)[\0 ]*", re.ASCII)

Tags = Mapping[int, object]


def read_tags(image: Image.Image) -> Tags:
    """The tags of the first and of the Exif directory; unreadable metadata is no metadata."""
    try:
        exif = image.getexif()
        return {**exif, **exif.get_ifd(IFD.Exif)}
    except Exception:  # Pillow's parser raises almost anything on hostile bytes
        return {}


def orientation(tags: Tags) -> int:
    """How the stored image lies, 1 (upright) to 8."""
    value = tags.get(Base.Orientation)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def taken_at(tags: Tags) -> int | None:
    """The camera's wall clock when it took the photo, read as if UTC, in seconds since 1970.

    Of several dates the first valid one, in the order of trust.
    """
    for tag in (Base.DateTimeOriginal, Base.DateTimeDigitized, Base.DateTime):
        if found := DATE.fullmatch(str(tags.get(tag))):
            year, month, day, hour, minute, second = map(int, found.groups())
            try:
                moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            except ValueError:  # month 13, or 0000:00:00 from a camera whose clock was never set
                continue
            return int(moment.timestamp())
    return None


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
