"""Takes the metadata out of an original, its location with it; pixels stay as they are.

Everything that describes the image goes (EXIF, XMP, IPTC, comments, what trails the image); which
way is up and the colour profile stay. Container formats: JPEG (ITU T.81, Annex B), PNG (W3C PNG,
§5), WebP (RFC 9649). BMP holds no location, GIF none but in XMP. Others would need re-encoding.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator

from edge_app.errors import NotStrippableError
from edge_app.photos.exif import SHORT, orientation_in

ORIENTATION = 0x0112

# In JPEG's coded data 0xFF is followed by 0x00 or a restart marker; anything else ends it.
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
SOI, EOI, SOS, APP0, APP1, APP2, APP14, COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP bKGD pHYs sBIT acTL fcTL fdAT".split()
)
WEBP_KEPT = frozenset([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"])
WEBP_HAS_EXIF, WEBP_HAS_XMP = 0x08, 0x04


def without_location(data: bytes) -> bytes:
    """The same image without metadata; NotStrippableError if that can't be found."""
    try:
        return _cleaner(data)(data)
    except (struct.error, IndexError, ValueError):
        raise NotStrippableError(
            "this original is damaged, so its location can't be removed; it is not "
            "served while the server runs with --strip-location"
        ) from None


def _cleaner(data: bytes) -> Callable[[bytes], bytes]:
    if data.startswith(b"\xff\xd8"):
        return _jpeg
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp
    if data.startswith((b"GIF8", b"BM")) and b"XMP DataXMP" not in data:
        return bytes
    raise NotStrippableError(
        "the location can't be removed from this kind of file (only from JPEG, PNG and "
        "WebP); it is not served while the server runs with --strip-location"
    )


def _jpeg(data: bytes) -> bytes:
    parts = [data[:2]]
    orientation = 1
    for marker, segment in _jpeg_segments(data):
        body = segment[4:]
        if marker == APP1 and body.startswith(b"Exif\0\0"):
            orientation = orientation_in(body[6:])
        kept_app = marker in (APP0, APP14) or (marker == APP2 and body.startswith(b"ICC_PROFILE\0"))
        if kept_app or not (APP0 <= marker <= 0xEF or marker == COM):
            parts.append(segment)
    if orientation != 1:
        exif = b"Exif\0\0" + _upright_exif(orientation)
        parts.insert(1, struct.pack(">BBH", 0xFF, APP1, len(exif) + 2) + exif)
    return b"".join(parts)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, bytes with the marker) from behind SOI to EOI; a scan has its coded data with it."""
    place = 2
    while True:
        while data[place + 1] == 0xFF:  # fill bytes
            place += 1
        if data[place] != 0xFF:
            raise ValueError("no marker")
        marker = data[place + 1]
        if marker == EOI:
            yield marker, data[place : place + 2]
            return
        (length,) = struct.unpack_from(">H", data, place + 2)
        end = place + 2 + length
        if marker == SOS:
            found = MARKER.search(data, end)
            if found is None:
                raise ValueError("no end of image")
            end = found.start()
        if end > len(data):
            raise ValueError("truncated")
        yield marker, data[place:end]
        place = end


def _png(data: bytes) -> bytes:
    parts = [data[:8]]
    orientation = 1
    place = 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, place)
        chunk = data[place : place + 12 + length]
        if len(chunk) != 12 + length:
            raise ValueError("truncated")
        if kind == b"eXIf":
            orientation = orientation_in(chunk[8:-4])
        if kind == b"IEND" and orientation != 1:
            body = b"eXIf" + _upright_exif(orientation)
            parts.append(struct.pack(">I", len(body) - 4) + body)
            parts.append(struct.pack(">I", zlib.crc32(body)))
        if kind in PNG_KEPT:
            parts.append(chunk)
        if kind == b"IEND":
            return b"".join(parts)
        place += len(chunk)


def _webp(data: bytes) -> bytes:
    parts: list[bytes] = []
    orientation = 1
    place, end = 12, 8 + struct.unpack_from("<I", data, 4)[0]
    while place < end:
        kind, length = struct.unpack_from("<4sI", data, place)
        padded = length + length % 2
        chunk = data[place : place + 8 + padded]
        if len(chunk) < 8 + length:
            raise ValueError("truncated")
        if kind == b"EXIF":
            orientation = orientation_in(chunk[8:].removeprefix(b"Exif\0\0"))
        if kind in WEBP_KEPT:
            parts.append(chunk)
        place += 8 + padded
    if parts[0][:4] == b"VP8X":
        flags = parts[0][8] & ~(WEBP_HAS_EXIF | WEBP_HAS_XMP)
        if orientation != 1:
            flags |= WEBP_HAS_EXIF
            exif = _upright_exif(orientation)
            parts.append(b"EXIF" + struct.pack("<I", len(exif)) + exif)
        parts[0] = parts[0][:8] + bytes([flags]) + parts[0][9:]
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _upright_exif(orientation: int) -> bytes:
    """An Exif block that holds nothing but which way is up."""
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, ORIENTATION, SHORT, 1, orientation, 0, 0)
