"""A JPEG or PNG that ends early, drawn as browsers do: what is missing is white, and of an
interlaced PNG (W3C PNG, 8.1) the coarse picture that came first is enlarged."""

from __future__ import annotations

import zlib

from PIL import Image, ImageChops
from PIL.Image import Resampling, Transform

from edge_app.photos.reading.mend import png_chunks

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the type of colour
Colour = int | tuple[int, ...]
# Modes whose missing rows would be black; in others they are transparent.
WHITE: dict[str, Colour] = {"1": 1, "L": 255, "I;16": 65535, "RGB": (255,) * 3, "CMYK": (0,) * 4}
FILLED: dict[str, Colour] = {"L": 128, "RGB": (128,) * 3, "CMYK": (127,) * 4}  # by libjpeg
STEP_BYTES = 1 << 14  # unpacked at a time: that is 16 MB at most
# Of each pass: the first column and row, and the steps to the next; then the steps of the grid that
# is known once it is there.
PASSES = (
    ((0, 0, 8, 8), (8, 8)), ((4, 0, 8, 8), (4, 8)), ((0, 4, 4, 8), (4, 4)), ((2, 0, 4, 4), (2, 4)),
    ((0, 2, 2, 4), (2, 2)), ((1, 0, 2, 2), (1, 2)), ((0, 1, 1, 2), (1, 1)),
)  # fmt: skip
WHOLE = (((0, 0, 1, 1), (1, 1)),)


def drawn(image: Image.Image, data: bytes, name: str) -> Image.Image:
    """The loaded image of a file of this format that may lack a part of it."""
    if name == "PNG":
        return _png(image, data)
    if name == "JPEG" and image.mode in FILLED:
        filled = Image.new(image.mode, image.size, FILLED[image.mode])
        differs = ImageChops.difference(image, filled).getbbox(alpha_only=False)
        _whiten(image, differs[3] if differs else 0)
    return image


def _whiten(image: Image.Image, top: int) -> None:
    if top < image.height:
        image.paste(WHITE[image.mode], (0, top, *image.size))


def _png(image: Image.Image, data: bytes) -> Image.Image:
    width, height = image.size
    bits, kind, _, _, interlaced = data[24:29]
    pixel_bits = bits * CHANNELS[kind]
    left_bytes = _unpacked_bytes(data, most=height * (8 + width * pixel_bits // 4))
    grid, rows = (1, 1), 0
    for (x, y, across, down), finer in PASSES if interlaced else WHOLE:
        columns, lines = -(-(width - x) // across), -(-(height - y) // down)
        if columns <= 0 or lines <= 0:
            continue
        row_bytes = 1 + (columns * pixel_bits + 7) // 8
        there = min(lines, left_bytes // row_bytes)
        if (x, y) == (0, 0):
            grid, rows = finer, there * down
        if there < lines:
            break
        grid, left_bytes = finer, left_bytes - lines * row_bytes
    if grid != (1, 1):
        image = _enlarged(image, *grid)
    if image.mode in WHITE:
        _whiten(image, rows)
    elif rows < height and image.mode == "P" and not image.has_transparency_data:
        colours = image.getpalette() or [0]
        lights = [sum(colours[place : place + 3]) for place in range(0, len(colours), 3)]
        image.paste(lights.index(max(lights)), (0, rows, width, height))
    return image


def _unpacked_bytes(data: bytes, most: int) -> int:
    """How much of the rows of pixels is there."""
    unpacker, total = zlib.decompressobj(), 0
    for kind, content, _ in png_chunks(data):
        if not kind and content[4:8] == b"IDAT":  # the last one, which is not whole
            kind, content = b"IDAT", content[8:]
        if kind != b"IDAT":
            continue
        try:
            for place in range(0, len(content), STEP_BYTES):
                if unpacker.eof or total >= most:
                    return total
                total += len(unpacker.decompress(content[place : place + STEP_BYTES]))
        except zlib.error:
            break
    return total


def _enlarged(image: Image.Image, across: int, down: int) -> Image.Image:
    """Each pixel of a grid in place of all up to the next."""
    width, height = image.size
    small = -(-width // across), -(-height // down)
    # The middle of a pixel is looked up: half a step back, it is that of the grid.
    places = across, 0, (1 - across) / 2, 0, down, (1 - down) / 2
    coarse = image.transform(small, Transform.AFFINE, places, Resampling.NEAREST)
    box = 0, 0, width / across, height / down
    return coarse.resize(image.size, Resampling.NEAREST, box)
