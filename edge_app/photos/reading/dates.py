"""When a photo was taken: dates as cameras, phones and editors write them, in Exif, XMP and names.

All are the wall clock of the place, read as if UTC, in seconds since 1970; zones are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

# Exif's own form and those that programs write: dashes, ISO's T, fractions, a zone, no seconds, no
# time, blanks for zeros.
MOMENT = re.compile(
    r"\s*(\d{4})[:/.-] ?(\d\d?)[:/.-] ?(\d\d?)"
    r"(?:(?: +|T|-)(\d\d?): ?(\d\d?)(?:: ?(\d\d?)(?:[.,]\d+)?)?"
    r"\s*([AP]M)?\s*(?:[A-Z]{1,5}|[+-]\d\d(?::?\d\d)?)?)?\s*",
    re.ASCII | re.IGNORECASE,
)
# xap is what Adobe's programs called xmp at first.
XMP_DATES = ("photoshop:DateCreated", "(?:xmp|xap):CreateDate", "exif:DateTimeOriginal")
# An attribute's, or that of an element which may have attributes of its own.
XMP_VALUE = r"(?:\s*=\s*[\"']|(?:\s[^<>]{0,200})?>)\s*([^\"'<]{1,40})"
XMP_BYTES = 1 << 20  # searched, at most
WIDE = {0: "utf-16-be", 1: "utf-16-le"}  # where the zeros of ASCII are (XMP 1, 7.1)
# IMG_20240110_153000, PXL_20240110_153000123, Screenshot_2024-01-10-15-30-00, IMG-20240110-WA0001,
# WhatsApp Image 2024-01-10 at 3.30.00 PM, signal-2024-01-10-153000, IMG20240110153000,
# Bildschirmfoto 2024-01-10 um 15.30.00; a Mac puts a narrow space before PM.
IN_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)"
    r"(?:(?:[-_ T]|[ _][^\d\s_]{1,4}[ _](?:las[ _])?|,? |)"
    r"(\d\d|\d(?=[-_.:h]))([-_.:h]?)(\d\d)\6(\d\d)\d{0,3}(?:[ _\u00a0\u202f]?([AP]M))?)?(?!\d)",
    re.ASCII | re.IGNORECASE,
)


def moment_in(text: str) -> int | None:
    """Of a date, and a time, in any of the forms in use; None for anything else. A text ends with
    its first zero."""
    found = MOMENT.fullmatch(text.partition("\0")[0])
    if found is None:
        return None
    *parts, half = found.groups(default="0")
    return _seconds(*parts, half=half)


def moment_in_xmp(info: Mapping[str | tuple[int, int], object]) -> int | None:
    """Of the XMP packet that Pillow found in a file, the first of XMP_DATES that is valid."""
    packet = info.get("xmp") or info.get("XML:com.adobe.xmp")
    if isinstance(packet, bytes):
        start = packet[:XMP_BYTES]
        wide = next(
            (c for nul, c in WIDE.items() if start[nul : nul + 200 : 2].count(0) > 50), "utf-8"
        )
        packet = start.decode(wide, "replace")
    if not isinstance(packet, str):
        return None
    for name in XMP_DATES:
        for found in re.finditer(name + XMP_VALUE, packet[:XMP_BYTES]):
            if (moment := moment_in(found[1])) is not None:
                return moment
    return None


def moment_in_name(name: str) -> int | None:
    """Of a file name as phones and messengers give them; without a time, the start of the day."""
    for found in IN_NAME.finditer(name):
        year, _, month, day, hour, _, minute, second, half = found.groups(default="0")
        moment = _seconds(year, month, day, hour, minute, second, half=half)
        if moment is None:  # what follows is no time
            moment = _seconds(year, month, day, "0", "0", "0")
        if moment is not None:
            return moment
    return None


def dated(taken_at: int | None, taken_from: str | None, path: str) -> tuple[int | None, str | None]:
    """When a photo was taken, and what says so: what was found in the file, else its name; a file's
    time is no date of a photo. (None, None) for a photo without."""
    if taken_at is not None and taken_from != "name":
        return taken_at, taken_from
    named_at = moment_in_name(path.rpartition("/")[2])
    return named_at, None if named_at is None else "name"


def _seconds(*parts: str, half: str = "0") -> int | None:
    """half: AM or PM of a clock with twelve hours."""
    try:
        year, month, day, hour, minute, second = map(int, parts)
        if half != "0":
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + 12 * (half.upper() == "PM")
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:  # month 13, or 0000:00:00 from a camera whose clock was never set
        return None
