"""TIFF files that Pillow alone gets wrong: what libtiff unpacks, in the order of the machine, and
colours of floats, whose channels are read as greys that lie side by side."""

from __future__ import annotations

import math
import struct
from io import BytesIO
from typing import cast

from PIL import Image, ImageFile, TiffImagePlugin
from PIL.Image import Resampling, Transform

from edge_app.photos.reading.tifftags import SIGNATURES, Directories

# How to read what libtiff gives in the order of the machine.
NATIVE = {"F;32BF": "F;32NF", "I;16BS": "I;16NS", "I;32BS": "I;32NS", "I;32B": "I;32N"}
# Tags (TIFF 6.0) and what they have to say; without them a file is not compressed by differences.
WIDTH, BITS, PHOTOMETRIC, SAMPLES, PLANAR, PREDICTOR = 256, 258, 262, 277, 284, 317
TILE_WIDTH, EXTRA, FORMAT = 322, 338, 339
UNKNOWN = 337  # what EXTRA becomes: it would be of channels that are no longer there
COLOURS = {BITS: 32, PHOTOMETRIC: 2, FORMAT: 3}
USUAL = {PLANAR: 1, PREDICTOR: 1}
GREYS = {BITS: 32, PHOTOMETRIC: 1, FORMAT: 3, SAMPLES: 1}
STRIP_PIXELS = 1 << 20  # converted at a time


class TiffFile(TiffImagePlugin.TiffImageFile):
    """One page of a file, whose pixels have the right order of bytes."""

    def _setup(self) -> None:
        super()._setup()
        if self.use_load_libtiff:
            name, box, place, args = self.tile[0]
            assert isinstance(args, tuple)
            raw_mode = NATIVE.get(args[0], args[0])
            self.tile = [ImageFile._Tile(name, box, place, (raw_mode, *args[1:]))]


def of_floats(data: bytes) -> Image.Image | None:
    """The image, its header read; None for a file that is no such TIFF, or one whose values are
    differences or lie apart by channel."""
    if data[:4] not in SIGNATURES:
        return None
    file = Directories(data)
    found = file.first()
    said = {tag: next(file.numbers(found, tag), -1) for tag in found}
    if any(said.get(tag) != value for tag, value in COLOURS.items()) or any(
        said.get(tag, value) != value for tag, value in USUAL.items()
    ):
        return None
    channels = said.get(SAMPLES)
    if channels not in (3, 4) or WIDTH not in said:
        return None
    wide = bytearray(data)
    widths = {tag: said[tag] * channels for tag in (WIDTH, TILE_WIDTH) if tag in said}
    for tag, value in (GREYS | widths).items():
        struct.pack_into(file.order + "HII", wide, found[tag].place + 2, 4, 1, value)
    if EXTRA in found:
        struct.pack_into(file.order + "H", wide, found[EXTRA].place, UNKNOWN)
    return Floats(bytes(wide), channels)


class Floats(TiffFile):
    def __init__(self, data: bytes, channels: int) -> None:
        self.channels = channels
        super().__init__(BytesIO(data), "")

    def _setup(self) -> None:
        super()._setup()
        width, height = self._tile_size[0] // self.channels, self._tile_size[1]
        self._size = (width, height) if self.size == self._tile_size else (height, width)

    def load_end(self) -> None:
        """Its greys become colours."""
        wide, channels = self._new(self.im), self.channels
        width, white = wide.width // channels, _white_of(wide)
        out = Image.new("RGBA" if channels == 4 else "RGB", (width, wide.height))
        rows = max(1, STRIP_PIXELS // wide.width)
        for y in range(0, wide.height, rows):
            strip = wide.crop((0, y, wide.width, min(y + rows, wide.height)))
            parts = []
            for number in range(channels):
                # The middle of a pixel is looked up, which here is that of one of its channels.
                places = channels, 0, number + (1 - channels) / 2, 0, 1, 0
                part = strip.transform(
                    (width, strip.height), Transform.AFFINE, places, Resampling.NEAREST
                )
                scale = 255 / (white if number < 3 else 1)
                parts.append(part.point(lambda v, s=scale: v * s + 0.5).convert("L"))
            out.paste(Image.merge(out.mode, parts), (0, y))
        self.im, self._mode = out.im, out.mode
        super().load_end()


def _white_of(image: Image.Image) -> float:
    """The value of white: 1, but the brightest of a picture whose mean would be brighter."""
    mean = cast(float, image.resize((1, 1), Resampling.BOX).getpixel((0, 0)))
    brightest = cast(tuple[float, float], image.getextrema())[1]
    return brightest if 1 < mean <= brightest < math.inf else 1.0
