"""Fills a file that lacks its end, so that its decoder gives out what is there, as browsers do."""

from __future__ import annotations

import struct

FILLED_BYTES = 64 << 20  # at most
HAS_EXIF_OR_XMP = 0x08 | 0x04  # flags of a WebP's first chunk (RFC 9649, 2.7.1)


def mended(data: bytes, name: str) -> bytes:
    """The file, whole by its own account; unchanged if that is not known to help.

    Of a WebP the decoder shows nothing unless all of it is there. Zeros do for what is not: of a
    photo cut in the middle the upper half comes out as it was.
    """
    if name != "WEBP":
        return data
    place = 12
    while len(data) >= place + 8:
        (length,) = struct.unpack_from("<I", data, place + 4)
        end = place + 8 + length + length % 2
        if end > len(data):
            if end - len(data) > FILLED_BYTES:
                return data
            whole = bytearray(data.ljust(end, b"\0"))
            struct.pack_into("<I", whole, 4, end - 8)
            if whole[12:16] == b"VP8X":
                whole[20] &= ~HAS_EXIF_OR_XMP  # they come last, and are lost
            return bytes(whole)
        place = end
    return data
