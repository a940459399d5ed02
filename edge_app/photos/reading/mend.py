"""Makes a damaged file one that its decoder gives out as far as it goes, as browsers show it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Collection, Iterator, Set
from typing import Literal

BIG_TIFF = 43  # in place of a TIFF's 42
FILLED_BYTES = 64 << 20  # at most
LOSSLESS = b"VP8L"
WEBP_PICTURES = b"VP8 ", LOSSLESS
HAS_EXIF_OR_XMP = 0x08 | 0x04  # flags of a WebP's first chunk (RFC 9649, 2.7.1)
# Decoders of bits read further in zeros than they would in the photo; too much does no harm.
SPARE_BYTES = 1 << 16
# What says how a PNG looks, beside its critical chunks, whose names begin with a capital.
SHOWN = {b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"eXIf"}
# Parts of an AVIF that are kept, in turn: its decoder gives up where it reads further than the
# picture goes, which in zeros it does after many pixels. Of 80 cut files of 8 photos four fifths
# come out with all of it, all but three with one of these.
LESS = 0.95, 0.85, 0.7
# In a row, a block of a disk. A white WebP of 6 megapixels ends in 581, other pictures in a few.
ZEROS_BYTES = 4096
PADDING = b"free", b"skip"  # boxes that may be of zeros
XMP = b"XML:com.adobe.xmp\0"
XMP_BYTES = 1 << 16
# Of a JPEG (ITU T.81, table B.1).
START_OF_SCAN, APPLICATIONS, END_OF_IMAGE = 0xDA, range(0xE0, 0xF0), b"\xff\xd9"
LOOKS_BYTES = 16  # of the shortest of these, Adobe's
LOOKS = b"JFIF\0", b"Adobe", b"Exif\0", b"ICC_PROFILE\0"


def mended(data: bytes, name: str) -> Iterator[bytes]:
    """The file, whole by its own account, and then without what it has beside the picture;
    unchanged if nothing is known to help."""
    mends: dict[str, Callable[[bytes], bytes]] = {
        "WEBP": webp, "PNG": _png, "HEIF": _boxes, "AVIF": _boxes,
    }  # fmt: skip
    yield mends[name](data) if name in mends else data
    if name == "PNG":
        yield _png(data, frozenset())
    elif name == "JPEG":
        yield _bare_jpeg(data)
    elif name == "AVIF":
        yield from (_boxes(data, kept) for kept in LESS)


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


def webp(data: bytes, filler: bytes = b"\0") -> bytes:
    """Of a WebP the decoder shows nothing unless all of it is there. A filler does for what is not:
    of a photo cut in the middle the upper half comes out as it was."""
    place, picture = 12, 0
    while len(data) >= place + 8:
        kind, length = struct.unpack_from("<4sI", data, place)
        end = place + 8 + length + length % 2
        if kind in WEBP_PICTURES or end > len(data):
            picture, after = place, end
        place = end
    if not picture or after - len(data) > FILLED_BYTES:
        return data
    spare_bytes = SPARE_BYTES
    if data.startswith(LOSSLESS, picture):  # width and height less 1, of 14 bits each (RFC 9649, 3)
        size = int.from_bytes(data[picture + 9 : picture + 13], "little")
        most = 4 * ((size & 0x3FFF) + 1) * ((size >> 14 & 0x3FFF) + 1)
        spare_bytes = min(FILLED_BYTES, most)
    end, rest = after + spare_bytes, data[after:place]
    whole = bytearray(data[:after].rstrip(b"\0").ljust(end, filler) + rest)
    struct.pack_into("<I", whole, picture + 4, end - picture - 8)
    if place > len(data) and whole[12:16] == b"VP8X":
        whole[20] &= ~HAS_EXIF_OR_XMP  # they come last, and are lost
    struct.pack_into("<I", whole, 4, len(whole) - 8)
    return bytes(whole)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind, content and whether its checksum is right, of each chunk that is whole; then what is
    left of the file, as of the kind b""."""
    view, rest = memoryview(data), 8
    for kind, place, end in _png_places(data):
        if end > len(data):
            break
        content = view[place + 8 : end - 4]
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        yield kind, bytes(content), zlib.crc32(content, zlib.crc32(kind)) == checksum
        rest = end
    yield b"", data[rest:], False


def _png_places(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The kind, start and end of each chunk, as long as one follows another."""
    place = 8
    while len(data) >= place + 12:
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        yield kind, place, end
        place = end


def png_of_first(data: bytes) -> bytes:
    """A PNG without repeated chunks that say how it looks: the first counts, as in browsers."""
    parts: list[bytes] = []
    seen: set[bytes] = set()
    start = 0
    for kind, place, end in _png_places(data):
        if kind == b"IDAT":
            break
        if kind in SHOWN & seen:
            parts.append(data[start:place])
            start = end
        seen.add(kind)
    return b"".join([*parts, data[start:]]) if parts else data


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


def _boxes(data: bytes, kept: float = 1) -> bytes:
    """Filled with zeros to the end of its last box; the pictures of a phone are made of tiles."""
    end = _end_of_boxes(data)
    there = len(data.rstrip(b"\0"))
    if end - there > FILLED_BYTES:
        return data
    return data[: int(there * kept)].ljust(max(end, len(data)), b"\0")


def _end_of_boxes(data: bytes, unless: Collection[bytes] = ()) -> int:
    """Of the last box that begins in the file, by its own account (ISO 14496-12, 4.2); unless it is
    of one of these kinds."""
    place = end = 0
    while len(data) >= place + 16:
        length, kind, large = struct.unpack_from(">I4sQ", data, place)
        size = int(large if length == 1 else length)
        if size < 8:
            break
        place += size
        end = end if kind in unless else place
    return end


def _end_of_webp(data: bytes) -> int:
    """By its own account."""
    return 8 + int.from_bytes(data[4:8], "little")


def is_cut(data: bytes, name: str) -> bool:
    """Whether a file should go on behind its end, by its own account."""
    if name == "WEBP":
        return _end_of_webp(data) > len(data)
    if name == "TIFF":  # what says what is in it often comes last
        order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
        is_big = int.from_bytes(data[2:4], order) == BIG_TIFF
        return int.from_bytes(data[8:16] if is_big else data[4:8], order) >= len(data)
    has_boxes = name in ("AVIF", "HEIF") or (name == "JXL" and data.startswith(bytes(3)))
    return has_boxes and _end_of_boxes(data) > len(data)


def ends_in_zeros(data: bytes, name: str) -> bool:
    """Whether the picture ends in zeros, which a copy leaves that was broken off; of a format whose
    decoder makes something of them."""
    if name not in ("WEBP", "AVIF", "HEIF"):
        return False
    end = _end_of_webp(data) if name == "WEBP" else _end_of_boxes(data, PADDING)
    return data.endswith(bytes(ZEROS_BYTES), 0, end)
