"""Makes a damaged file one that its decoder gives out as far as it goes, as browsers show it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Set

FILLED_BYTES = 64 << 20  # at most
HAS_EXIF_OR_XMP = 0x08 | 0x04  # flags of a WebP's first chunk (RFC 9649, 2.7.1)
# Decoders of bits read further in zeros than they would in the photo; too much does no harm.
SPARE_BYTES = 1 << 16
# What says how a PNG looks, beside its critical chunks, whose names begin with a capital.
SHOWN = {b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"eXIf"}
XMP = b"XML:com.adobe.xmp\0"
XMP_BYTES = 1 << 16
# Of a JPEG (ITU T.81, table B.1).
START_OF_SCAN, APPLICATIONS, END_OF_IMAGE = 0xDA, range(0xE0, 0xF0), b"\xff\xd9"
LOOKS_BYTES = 16  # of the shortest of these, Adobe's
LOOKS = b"JFIF\0", b"Adobe", b"Exif\0", b"ICC_PROFILE\0"
RLE8, RLE4 = 1, 2  # compressions of a BMP
REST = b"\0\2\0\xff"  # of such a picture: go 255 rows on


def mended(data: bytes, name: str) -> Iterator[bytes]:
    """The file, whole by its own account, and then without what it has beside the picture;
    unchanged if nothing is known to help."""
    mend = {"WEBP": _webp, "PNG": _png, "BMP": _bmp, "HEIF": _boxes, "AVIF": _boxes}.get(name)
    yield mend(data) if mend else data
    if name == "PNG":
        yield _png(data, frozenset())
    elif name == "JPEG":
        yield _bare_jpeg(data)


def _bare_jpeg(data: bytes) -> bytes:
    """Without segments of applications but those that say how it looks, and with an end."""
    parts, rest = [data[:2]], 2
    for marker, place, end in jpeg_segments(data):
        if marker == START_OF_SCAN:
            break
        kept = end - place >= LOOKS_BYTES and data.startswith(LOOKS, place + 4)
        if kept or marker not in APPLICATIONS:
            parts.append(data[place:end])
        rest = end
    return b"".join([*parts, data[rest:], END_OF_IMAGE])


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The marker, start and end of each segment, as long as one follows another."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
        yield data[place + 1], place, end
        place = end


def _webp(data: bytes) -> bytes:
    """Of a WebP the decoder shows nothing unless all of it is there. Zeros do for what is not: of a
    photo cut in the middle the upper half comes out as it was."""
    place = 12
    while len(data) >= place + 8:
        (length,) = struct.unpack_from("<I", data, place + 4)
        end = place + 8 + length + length % 2
        if end > len(data):
            if end - len(data) > FILLED_BYTES:
                return data
            end += SPARE_BYTES
            whole = bytearray(data.ljust(end, b"\0"))
            struct.pack_into("<I", whole, place + 4, end - place - 8)
            if whole[12:16] == b"VP8X":
                whole[20] &= ~HAS_EXIF_OR_XMP  # they come last, and are lost
            break
        place = end
    else:
        whole, end = bytearray(data[:place]), place
    struct.pack_into("<I", whole, 4, end - 8)
    return bytes(whole)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind, content and whether its checksum is right, of each chunk that is whole; then what is
    left of the file, as of the kind b""."""
    view, place = memoryview(data), 8
    while len(data) >= place + 12:
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data):
            break
        content = view[place + 8 : end - 4]
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        yield kind, bytes(content), zlib.crc32(content, zlib.crc32(kind)) == checksum
        place = end
    yield b"", data[place:], False


def _png(data: bytes, shown: Set[bytes] = SHOWN) -> bytes:
    """Without the chunks that a picture doesn't need, but for those of `shown` and a small XMP
    packet, and without broken ones."""
    parts, packets = [data[:8]], 0
    for kind, content, is_right in png_chunks(data):
        needed = kind[:1].isupper() or kind in shown
        if kind == b"iTXt" and content.startswith(XMP):
            packets += 1
            needed = packets == 1 and len(content) < XMP_BYTES
        if not kind:
            parts.append(content)
        elif kind[:1].isupper() or (needed and is_right):
            checksum = zlib.crc32(content, zlib.crc32(kind)) ^ (not is_right)
            parts += [struct.pack(">I4s", len(content), kind), content, struct.pack(">I", checksum)]
    return b"".join(parts)


def _bmp(data: bytes) -> bytes:
    """A run-length coded one, filled up with what leaves pixels as they are."""
    if len(data) < 34:
        return data
    start, height, compression = (
        int.from_bytes(data[at : at + 4], "little", signed=True) for at in (10, 22, 30)
    )
    if compression not in (RLE8, RLE4):
        return data
    even = len(data) - (len(data) - start) % 2
    return data[:even] + REST * (abs(height) // 255 + 1)


def _boxes(data: bytes) -> bytes:
    """Filled with zeros to the end of its last box; the pictures of a phone are made of tiles."""
    place = 0
    while len(data) >= place + 16:
        length, large = struct.unpack_from(">I4xQ", data, place)
        size = int(large if length == 1 else length)
        if size < 8:
            break
        place += size
    return data.ljust(place, b"\0") if place - len(data) <= FILLED_BYTES else data
