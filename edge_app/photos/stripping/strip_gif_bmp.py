"""Takes all that is not the picture out of a GIF (GIF89a, CompuServe 1990) and a BMP."""

from __future__ import annotations

import struct

from edge_app.photos.stripping.pieces import Pieces

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
CONTROL, APPLICATION = 0xF9, 0xFF
LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")  # how often an animation is repeated
HAS_COLOURS = 0x80

FILE_HEADER_BYTES = 14
OS2_BYTES, INFO_BYTES, V5_BYTES = 12, 40, 124
INFO_HEADERS = (OS2_BYTES, INFO_BYTES, 52, 56, 64, 108, V5_BYTES)
RGB, RLE8, RLE4, BIT_FIELDS, ALPHA_BIT_FIELDS = 0, 1, 2, 3, 6
MASKS_BYTES = {BIT_FIELDS: 12, ALPHA_BIT_FIELDS: 16}  # behind a header of INFO_BYTES
COLOUR_SPACE_AT, PROFILE_AT = 56, 112  # in the info header
SRGB = b"BGRs"
GAP_BYTES = 1024  # between the colours and the pixels: for alignment


def strip_gif(pieces: Pieces) -> None:
    """Comments, texts and what applications have added go; how often it is repeated stays."""
    data = pieces.data
    place = 13 + _colours_bytes(data[10])
    pieces.keep(0, place)
    while place < len(data):  # the trailer is often missing
        start, kind = place, data[place]
        if kind == TRAILER:
            break
        if kind == IMAGE:
            place += 10 + _colours_bytes(data[place + 9]) + 1
            place = _blocks_end(pieces, place)
            pieces.keep(start, place)
        elif kind == EXTENSION:
            place = _blocks_end(pieces, place + 2)
            if data[start + 1] == CONTROL:
                pieces.keep(start, start + 7)  # its one block has 4 bytes
                pieces.add(b"\0")
            elif _is_looping(data[start : start + 16]):
                pieces.keep(start, start + 18)
                pieces.add(b"\0")
        else:
            raise ValueError("no block")
    pieces.add(bytes([TRAILER]))


def _is_looping(extension: bytes) -> bool:
    """Whether it says how often an animation is repeated, in a block of 3 bytes."""
    return (
        extension[1] == APPLICATION and extension[3:14] in LOOPING and extension[14:16] == b"\3\1"
    )


def _colours_bytes(flags: int) -> int:
    """The size of the table of colours that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & HAS_COLOURS else 0


def _blocks_end(pieces: Pieces, place: int) -> int:
    """Where the blocks that begin here end, the empty one that ends them included."""
    while size := pieces.data[place]:
        pieces.step()
        place += 1 + size
    return place + 1


def strip_bmp(pieces: Pieces) -> None:
    """Headers, colours and pixels stay; profiles, gaps and what trails the pixels go."""
    data = pieces.data
    (pixels_at, header_bytes) = struct.unpack_from("<II", data, 10)
    if header_bytes not in INFO_HEADERS:
        raise ValueError("unknown header")
    if header_bytes == OS2_BYTES:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = size_bytes = used = 0
    else:
        width, height, _, bits, compression, size_bytes = struct.unpack_from("<iiHHII", data, 18)
        (used,) = struct.unpack_from("<I", data, 46)
    if compression in (RGB, BIT_FIELDS, ALPHA_BIT_FIELDS):
        size_bytes = (width * bits + 31) // 32 * 4 * abs(height)
    elif compression not in (RLE8, RLE4):
        raise ValueError("another format inside")
    colours = used or (1 << bits if bits <= 8 else 0)
    colours_end = FILE_HEADER_BYTES + header_bytes + colours * (3 if header_bytes == 12 else 4)
    if header_bytes == INFO_BYTES:
        colours_end += MASKS_BYTES.get(compression, 0)
    colours_end = min(colours_end, pixels_at)  # fewer than announced: some programs write so
    gap = pixels_at - colours_end
    if size_bytes <= 0 or not 0 <= gap <= GAP_BYTES:
        raise ValueError("no pixels")
    pixels_end = min(pixels_at + size_bytes, len(data))
    header = bytearray(data[: FILE_HEADER_BYTES + header_bytes])
    header[2:10] = struct.pack("<II", pixels_end, 0)  # size of the file, reserved
    if header_bytes == V5_BYTES:
        info = memoryview(header)[FILE_HEADER_BYTES:]
        if bytes(info[COLOUR_SPACE_AT : COLOUR_SPACE_AT + 4]) in (b"DEBM", b"KNIL"):
            info[COLOUR_SPACE_AT : COLOUR_SPACE_AT + 4] = SRGB  # of a profile, or a file's name
        info[PROFILE_AT:] = bytes(V5_BYTES - PROFILE_AT)
    if len(header) < FILE_HEADER_BYTES + header_bytes or pixels_at > len(data):
        raise ValueError("truncated")
    pieces.add(bytes(header))
    pieces.keep(len(header), max(colours_end, len(header)))
    pieces.add(bytes(pixels_at - max(colours_end, len(header))))
    pieces.keep(pixels_at, pixels_end)
