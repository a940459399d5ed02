"""Takes the metadata out of an original, its location with it; pixels stay as they are.

Everything that describes the image goes (EXIF, XMP, IPTC, comments, small pictures in it, what
trails it); which way is up and the colour profile stay. Only what is known to be needed is kept.
Container formats: JPEG (ITU T.81, Annex B), PNG (W3C PNG, §5), WebP (RFC 9649), GIF and BMP
(photos/stripping/strip_gif_bmp.py). Others would need re-encoding.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator

from edge_app.errors import NotStrippableError
from edge_app.photos.reading.exif import SHORT, orientation_in
from edge_app.photos.stripping.pieces import Pieces
from edge_app.photos.stripping.strip_gif_bmp import strip_bmp, strip_gif

ORIENTATION = 0x0112

# In JPEG's coded data 0xFF is followed by 0x00 or a restart marker; anything else ends it.
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
SOI, EOI, SOS, APP0, APP1, APP2, APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
# Frames (not JPG, which is reserved), the end, scans and tables.
JPEG_KEPT = frozenset([*range(0xC0, 0xD0), EOI, SOS, 0xDB, 0xDC, 0xDD]) - {0xC8}
JPEG_NUMBERS = (0xDC, 0xDD)  # of lines, of a restart: two bytes and their length
JFIF_BYTES = 12  # behind its name, up to the size of a small picture (ITU T.871, 10.1)
ADOBE_BYTES = 12  # Adobe Technical Note 5116
# What they hold at most: more would be read by nobody who shows the image.
PNG_KEPT = {b"IHDR": 13, b"PLTE": 768, b"IEND": 0, b"tRNS": 256, b"gAMA": 4, b"cHRM": 32}
PNG_KEPT |= {b"sRGB": 1, b"cICP": 4, b"bKGD": 6, b"pHYs": 9, b"sBIT": 4, b"acTL": 8, b"fcTL": 26}
PNG_KEPT |= dict.fromkeys((b"IDAT", b"fdAT", b"iCCP"), 2**31)
WEBP_KEPT = frozenset([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ICCP"])
WEBP_FRAME_KEPT = frozenset([b"VP8 ", b"VP8L", b"ALPH"])
WEBP_EXTENDED_BYTES = 18  # VP8X with its name and length
WEBP_FRAME_BYTES = 16  # place, size, duration, flags
WEBP_HAS_EXIF, WEBP_HAS_XMP = 0x08, 0x04


def without_location(data: bytes) -> bytes:
    """The same image without metadata; NotStrippableError if that can't be found."""
    return parts_without_location(data).joined()


def parts_without_location(data: bytes) -> Pieces:
    """What `without_location` is made of."""
    pieces = Pieces(data)
    try:
        _cleaner(data)(pieces)
    except (struct.error, IndexError, ValueError):
        raise NotStrippableError(
            "this original is damaged, so its location can't be removed; it is not "
            "served while the server runs with --strip-location"
        ) from None
    return pieces


def _cleaner(data: bytes) -> Callable[[Pieces], None]:
    if data.startswith(b"\xff\xd8"):
        return _jpeg
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp
    if data.startswith((b"GIF87a", b"GIF89a")):
        return strip_gif
    if data.startswith(b"BM"):
        return strip_bmp
    raise NotStrippableError(
        "the location can't be removed from this kind of file (only from JPEG, PNG, WebP, GIF "
        "and BMP); it is not served while the server runs with --strip-location"
    )


def _jpeg(pieces: Pieces) -> None:
    orientation = 1
    pieces.add(pieces.data[:2])
    for marker, place, end in _jpeg_segments(pieces):
        body = pieces.data[place + 4 : end]
        if marker in JPEG_KEPT and (marker not in JPEG_NUMBERS or len(body) == 2):
            pieces.keep(place, end)
        elif marker == APP0 and body.startswith(b"JFIF\0") and len(body) >= JFIF_BYTES:
            pieces.add(_segment(APP0, body[:JFIF_BYTES] + b"\0\0"))  # 0 × 0: no small picture
        elif marker == APP14 and body.startswith(b"Adobe") and len(body) >= ADOBE_BYTES:
            pieces.add(_segment(APP14, body[:ADOBE_BYTES]))
        elif marker == APP2 and body.startswith(b"ICC_PROFILE\0"):
            pieces.keep(place, end)
        elif marker == APP1 and body.startswith(b"Exif\0\0"):
            orientation = orientation_in(body[6:])
    if orientation != 1:
        pieces.parts.insert(1, _segment(APP1, b"Exif\0\0" + _upright_exif(orientation)))


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _jpeg_segments(pieces: Pieces) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) from behind SOI to EOI; a scan has its coded data with it."""
    data, place = pieces.data, 2
    while True:
        while data[place + 1] == 0xFF:  # fill bytes
            place += 1
        if data[place] != 0xFF:
            raise ValueError("no marker")
        marker = data[place + 1]
        if marker == EOI:
            yield marker, place, place + 2
            return
        (length,) = struct.unpack_from(">H", data, place + 2)
        end = place + 2 + length
        if marker == SOS:
            found = MARKER.search(data, end)
            if found is None:
                raise ValueError("no end of image")
            end = found.start()
        if end > len(data) or length < 2:
            raise ValueError("truncated")
        pieces.step()
        yield marker, place, end
        place = end


def _png(pieces: Pieces) -> None:
    data = pieces.data
    orientation, before_picture = 1, True
    pieces.keep(0, 8)
    place = 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if kind == b"eXIf" and before_picture:
            orientation = orientation_in(data[place + 8 : end - 4])
        if kind == b"IDAT":
            before_picture = False
        if not before_picture and orientation != 1:  # browsers turn by none that comes later
            body = b"eXIf" + _upright_exif(orientation)
            pieces.add(struct.pack(">I", len(body) - 4) + body)
            pieces.add(struct.pack(">I", zlib.crc32(body)))
            orientation = 1
        if length <= PNG_KEPT.get(kind, -1):
            pieces.keep(place, end)
        elif end > len(data) or (kind in PNG_KEPT and kind[:1].isupper()):
            raise ValueError("truncated, or longer than it can be")
        if kind == b"IEND":
            return
        pieces.step()
        place = end


def _webp(pieces: Pieces) -> None:
    data = pieces.data
    body = Pieces(data)
    orientation = 1
    flags_at = None
    for kind, place, end in _riff_chunks(body, 12, 8 + struct.unpack_from("<I", data, 4)[0]):
        if kind == b"EXIF":
            orientation = orientation_in(data[place + 8 : end].removeprefix(b"Exif\0\0"))
        if kind == b"VP8X" and flags_at is None:
            if end - place != WEBP_EXTENDED_BYTES:
                raise ValueError("another header")
            flags_at = len(body.parts)
            body.add(data[place:end])
        elif kind == b"ANMF":
            _webp_frame(body, place, end)
        elif kind in WEBP_KEPT:
            body.keep(place, end)
    if flags_at is not None:
        extended = bytearray(body.parts[flags_at])
        extended[8] &= ~(WEBP_HAS_EXIF | WEBP_HAS_XMP)
        if orientation != 1:
            extended[8] |= WEBP_HAS_EXIF
            exif = _upright_exif(orientation)
            body.add(b"EXIF" + struct.pack("<I", len(exif)) + exif)
        body.parts[flags_at] = bytes(extended)
    size_bytes = 4 + sum(map(len, body.parts))
    pieces.add(b"RIFF" + struct.pack("<I", size_bytes) + b"WEBP")
    pieces.parts += body.parts


def _webp_frame(body: Pieces, start: int, end: int) -> None:
    """One frame of an animation with its own chunks, of which others may be there too."""
    inner = start + 8 + WEBP_FRAME_BYTES
    chunks = list(_riff_chunks(body, inner, end))
    kept = [(place, stop) for kind, place, stop in chunks if kind in WEBP_FRAME_KEPT]
    size_bytes = WEBP_FRAME_BYTES + sum(stop - place for place, stop in kept)
    body.add(b"ANMF" + struct.pack("<I", size_bytes))
    for place, stop in [(start + 8, inner), *kept]:
        body.keep(place, stop)


def _riff_chunks(pieces: Pieces, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of each chunk; a last one may lack the byte that makes its size even."""
    data = pieces.data
    while place < end:
        kind, length = struct.unpack_from("<4sI", data, place)
        if place + 8 + length > len(data):
            raise ValueError("truncated")
        stop = min(place + 8 + length + length % 2, len(data))
        pieces.step()
        yield kind, place, stop
        place = stop


def _upright_exif(orientation: int) -> bytes:
    """An Exif block that holds nothing but which way is up."""
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, ORIENTATION, SHORT, 1, orientation, 0, 0)
