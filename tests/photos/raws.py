"""Writes DNG files, as a camera would: what its sensor saw of a picture, with previews or without.

Adobe's DNG specification 1.6. The sensor is one whose colours are those of sRGB, so that the
picture comes out as it went in.
"""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
from PIL import Image

SHORT, LONG, ASCII, BYTE, RATIONAL, SRATIONAL = 3, 4, 2, 1, 5, 10
CODES = {ASCII: "s", BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "II", SRATIONAL: "ii"}
WHITE = 65535
# XYZ to the sensor's colours: linear sRGB (IEC 61966-2-1).
XYZ_TO_SENSOR = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.204, 1.057)

Tag = tuple[int, int, tuple[int, ...] | bytes]


def dng(
    picture: Image.Image,
    previews_px: tuple[int, ...] = (),
    orientation: int = 1,
    taken: bytes = b"2021:06:05 04:03:02",
    preview_of: Image.Image | None = None,
) -> bytes:
    """A DNG of the picture; `orientation` is how it has to be turned to be upright.

    previews_px: the longer side of a JPEG in a SubIFD each. With none, the sensor's data is in the
    first directory. preview_of: another picture than the sensor's, to tell one from the other.
    """
    parts = _Parts()
    exif = parts.directory([(36867, ASCII, taken + b"\0")])
    common: list[Tag] = [
        (271, ASCII, b"Maker\0"),
        (272, ASCII, b"Model 7\0"),
        (274, SHORT, (orientation,)),
        (34665, LONG, (exif,)),
        (50706, BYTE, (1, 4, 0, 0)),
        (50707, BYTE, (1, 1, 0, 0)),
        (50708, ASCII, b"Maker Model 7\0"),
        (50721, SRATIONAL, tuple(n for v in XYZ_TO_SENSOR for n in (round(v * 10000), 10000))),
        (50728, RATIONAL, (1, 1) * 3),
        (50778, SHORT, (21,)),  # daylight, D65
    ]
    raw = _sensor_tags(parts, picture)
    if not previews_px:
        return parts.file(parts.directory([*raw, *common]))
    below = [parts.directory(raw)]
    for longer_px in previews_px:
        preview = (preview_of or picture).copy()
        preview.thumbnail((longer_px, longer_px))
        below.append(parts.directory(_preview_tags(parts, preview)))
    tiny = picture.resize((16, 16)).tobytes()
    first: list[Tag] = [
        (254, LONG, (1,)),
        (256, LONG, (16,)),
        (257, LONG, (16,)),
        (258, SHORT, (8, 8, 8)),
        (259, SHORT, (1,)),
        (262, SHORT, (2,)),
        (273, LONG, (parts.add(tiny),)),
        (277, SHORT, (3,)),
        (278, LONG, (16,)),
        (279, LONG, (len(tiny),)),
        (330, LONG, tuple(below)),
    ]
    return parts.file(parts.directory([*first, *common]))


class _Parts:
    """A TIFF file as it grows: little-endian, offsets from its start."""

    def __init__(self) -> None:
        self.data = bytearray(8)

    def add(self, content: bytes) -> int:
        """Its offset, even as TIFF wants it."""
        self.data += b"\0" * (len(self.data) % 2)
        self.data += content
        return len(self.data) - len(content)

    def directory(self, tags: list[Tag]) -> int:
        entries = b""
        for tag, kind, values in sorted(tags):
            if isinstance(values, bytes):
                content, count = values, len(values)
            else:
                code = CODES[kind]
                count = len(values) // len(code)
                content = struct.pack(f"<{code * count}", *values)
            if len(content) > 4:
                content = struct.pack("<I", self.add(content))
            entries += struct.pack("<HHI", tag, kind, count) + content.ljust(4, b"\0")
        return self.add(struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0))

    def file(self, first: int) -> bytes:
        self.data[:8] = struct.pack("<2sHI", b"II", 42, first)
        return bytes(self.data)


def _sensor_tags(parts: _Parts, picture: Image.Image) -> list[Tag]:
    """What an RGGB sensor sees: one colour a pixel, 16 bits, linear."""
    encoded = np.asarray(picture.convert("RGB"), np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.round(linear * WHITE).astype("<u2")
    mosaic = seen[:, :, 1].copy()
    mosaic[::2, ::2] = seen[::2, ::2, 0]
    mosaic[1::2, 1::2] = seen[1::2, 1::2, 2]
    data = mosaic.tobytes()
    return [
        (254, LONG, (0,)),
        (256, LONG, (picture.width,)),
        (257, LONG, (picture.height,)),
        (258, SHORT, (16,)),
        (259, SHORT, (1,)),
        (262, SHORT, (32803,)),
        (273, LONG, (parts.add(data),)),
        (277, SHORT, (1,)),
        (278, LONG, (picture.height,)),
        (279, LONG, (len(data),)),
        (33421, SHORT, (2, 2)),
        (33422, BYTE, (0, 1, 1, 2)),
        (50714, SHORT, (0,)),
        (50717, LONG, (WHITE,)),
    ]


def _preview_tags(parts: _Parts, preview: Image.Image) -> list[Tag]:
    buffer = BytesIO()
    preview.save(buffer, "JPEG", quality=90)
    data = buffer.getvalue()
    return [
        (254, LONG, (1,)),
        (256, LONG, (preview.width,)),
        (257, LONG, (preview.height,)),
        (258, SHORT, (8, 8, 8)),
        (259, SHORT, (7,)),
        (262, SHORT, (6,)),
        (273, LONG, (parts.add(data),)),
        (277, SHORT, (3,)),
        (278, LONG, (preview.height,)),
        (279, LONG, (len(data),)),
    ]
