"""BMP files that Pillow alone does not read: pixels of any bit fields, runs that end early."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import reduce
from io import BytesIO

from PIL import BmpImagePlugin, Image, ImageChops, ImageFile, ImagePalette

PROFILE_EMBEDDED, V5_HEADER_BYTES = b"DEBM", 124
ALPHA_HEADER_BYTES = 56  # the shortest header with a mask for transparency
FIELDS, ALPHA_FIELDS = 3, 6  # compressions: masks of three colours, or of four
# For so many bits a pixel, a mode and a way to read it that give its bytes, the lowest first.
BYTES_AS = {16: ("LA", "LA"), 32: ("RGBA", "RGBA")}
# Those that Pillow reads, the first of each by any header.
KNOWN_MASKS = {
    16: ((0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)),
    32: ((0, 0, 0, 0), (0xFF0000, 0xFF00, 0xFF, 0), (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
}
HEADER_BYTES = 40  # from this one on; shorter ones are of OS/2
GREY_BITS = {"1": 1, "L": 8}  # of a pixel whose value is the grey
BITS_AS = {1: "P;1", 2: "P;2", 4: "P;4", 8: "P"}
STRIP_PIXELS = 1 << 20  # converted at a time
END_OF_PICTURE = b"\0\1"  # of run-lengths

Masks = tuple[int, ...]  # of red, green, blue and alpha


def opened(data: bytes) -> Image.Image:
    """The image, its header read."""
    (size,) = struct.unpack_from("<I", data, 14)
    masks = None
    if size >= HEADER_BYTES:
        bits, compression = struct.unpack_from("<HI", data, 28)
        masks = _masks(data, size, bits, compression)
        data = _without_more_colours(data, bits)
    image = _Fields(data, bits, masks) if masks else BmpImagePlugin.BmpImageFile(BytesIO(data), "")
    if size >= HEADER_BYTES and image.mode in GREY_BITS and bits != GREY_BITS[image.mode]:
        _keep_palette(image, bits)
    if profile := _profile(data):
        image.info["icc_profile"] = profile
    return image


def _masks(data: bytes, size: int, bits: int, compression: int) -> Masks | None:
    """The bit fields of a file, None where Pillow knows what it has."""
    if compression not in (FIELDS, ALPHA_FIELDS) or bits not in BYTES_AS:
        return None
    masks = struct.unpack_from("<4I", data, 54)
    if size < ALPHA_HEADER_BYTES and compression == FIELDS:
        masks = *masks[:3], 0
    return None if masks in KNOWN_MASKS[bits] else masks


def _without_more_colours(data: bytes, bits: int) -> bytes:
    """It may have more colours than a pixel can name, which say nothing."""
    (colours,) = struct.unpack_from("<I", data, 46)
    if bits > 8 or colours <= 1 << bits:
        return data
    return data[:46] + struct.pack("<I", 1 << bits) + data[50:]


def _keep_palette(image: ImageFile.ImageFile, bits: int) -> None:
    """Pillow drops one of greys, and takes few of them for pixels of one bit."""
    levels = (0, 255) if image.mode == "1" else range(1 << bits)
    image.palette = ImagePalette.raw("RGB", bytes(v for level in levels for v in (level,) * 3))
    image._mode = "P"
    name, box, place, args = image.tile[0]
    if name == "raw" and isinstance(args, tuple):
        image.tile = [ImageFile._Tile(name, box, place, (BITS_AS[bits], *args[1:]))]


class _Fields(BmpImagePlugin.BmpImageFile):
    """Pixels of 16 or 32 bits whose colours lie anywhere in them."""

    def __init__(self, data: bytes, bits: int, masks: Masks) -> None:
        self._masks = masks
        usual = struct.pack("<4I", *KNOWN_MASKS[bits][0])
        head = data[:30] + struct.pack("<I", FIELDS) + data[34:54] + usual[:12]
        alpha = usual[12:] if masks[3] else data[66:70]
        super().__init__(BytesIO(head + alpha + data[70:]), "")
        self._mode, raw_mode = BYTES_AS[bits]
        _, box, place, lines = self.tile[0]
        assert isinstance(lines, tuple)
        self.tile = [ImageFile._Tile("raw", box, place, (raw_mode, *lines[1:]))]

    def load_end(self) -> None:
        """Its bytes become colours."""
        out = Image.new("RGBA", self.size)
        rows = max(1, STRIP_PIXELS // self.width)
        for y in range(0, self.height, rows):
            parts = self.crop((0, y, self.width, min(y + rows, self.height))).split()
            out.paste(Image.merge("RGBA", [_field(parts, mask) for mask in self._masks]), (0, y))
        self.im, self._mode = out.im, out.mode


def _field(parts: Sequence[Image.Image], mask: int) -> Image.Image:
    """The bits of a mask as levels; `parts` are the bytes of each pixel, the lowest first."""
    if not mask:
        return Image.new("L", parts[0].size, 255)
    lowest, bits = (mask & -mask).bit_length() - 1, mask.bit_count()
    dropped = lowest + max(0, bits - 8)
    found = [
        part.point([((byte << 8 * n & mask) >> dropped) & 255 for byte in range(256)])
        for n, part in enumerate(parts)
    ]
    most = (1 << min(bits, 8)) - 1
    return reduce(ImageChops.add, found).point([min(255, v * 255 // most) for v in range(256)])


class _RunLengths(BmpImagePlugin.BmpRleDecoder):
    """What lies behind the end of the picture has the first colour, as in other programs."""

    def set_as_raw(
        self,
        data: bytes | bytearray,
        rawmode: str | None = None,
        extra: tuple[object, ...] = (),
    ) -> None:
        assert self.fd is not None
        self.fd.seek(-len(END_OF_PICTURE), 1)
        if ImageFile.LOAD_TRUNCATED_IMAGES or self.fd.read(2) == END_OF_PICTURE:
            data = bytes(data).ljust(self.state.xsize * self.state.ysize, b"\0")
        super().set_as_raw(data, rawmode, extra)


BmpImagePlugin.BIT2MODE.setdefault(2, ("P", BITS_AS[2]))
Image.register_decoder("bmp_rle", _RunLengths)


def _profile(data: bytes) -> bytes | None:
    """The ICC profile in a file of version 5."""
    size, kind = data[14:18], data[70:74]
    if size != struct.pack("<I", V5_HEADER_BYTES) or kind != PROFILE_EMBEDDED:
        return None
    place, length = struct.unpack_from("<II", data, 14 + 112)
    return data[14 + place : 14 + place + length]
