"""A file that ends early, drawn as browsers do: what is missing is white, and of an interlaced PNG
or GIF (W3C PNG, 8.1; GIF89a, appendix E) the coarse picture that came first is enlarged."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import NamedTuple

from PIL import Image, ImageChops, JpegImagePlugin
from PIL.Image import Resampling, Transform

from edge_app.photos.reading.mend import END_OF_IMAGE, START_OF_SCAN, jpeg_segments, png_chunks

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the type of colour
Colour = int | tuple[int, ...]
# Modes whose missing rows would be black; in others they are transparent.
WHITE: dict[str, Colour] = {
    "1": 1,
    "L": 255,
    "I;16": 65535,
    "RGB": (255,) * 3,
    "CMYK": (0,) * 4,
    "RGBA": (255,) * 4,
}
FILLED: dict[str, Colour] = {"L": 128, "RGB": (128,) * 3, "CMYK": (127,) * 4}  # by libjpeg
STEP_BYTES = 1 << 14  # unpacked at a time: that is 16 MB at most
# Of each pass: the first column and row, and the steps to the next; then the steps of the grid that
# is known once it is there.
PASSES = (
    ((0, 0, 8, 8), (8, 8)), ((4, 0, 8, 8), (4, 8)), ((0, 4, 4, 8), (4, 4)), ((2, 0, 4, 4), (2, 4)),
    ((0, 2, 2, 4), (2, 2)), ((1, 0, 2, 2), (1, 2)), ((0, 1, 1, 2), (1, 1)),
)  # fmt: skip
WHOLE = (((0, 0, 1, 1), (1, 1)),)
GIF_PASSES = (0, 8), (4, 8), (2, 4), (1, 2)  # the first row of each, and the step to the next
OTHER_FILLER = b"\x55"  # where it makes a difference to zeros, the picture is missing
MORE_BYTES = 1 << 16  # zeros, which in a JPEG are pixels of some kind


class Frame(NamedTuple):
    """Where the first picture of a GIF is on its canvas, and how its rows follow each other."""

    box: tuple[int, int, int, int]
    interlaced: bool


def drawn(
    image: Image.Image,
    data: bytes,
    name: str,
    frame: Frame | None = None,
    other: Image.Image | None = None,
) -> Image.Image:
    """The loaded image of a file of this format that may lack a part of it.

    other: of a WebP, what `squeezed` makes of it with the OTHER_FILLER.
    """
    if name == "PNG":
        return _png(image, data)
    if other:
        differs = ImageChops.difference(squeezed(image), other).getbbox(alpha_only=False)
        _whiten(image, differs[1] if differs else image.height)
    elif frame:
        _fill_rows(image, frame)
    elif name == "JPEG" and image.mode in FILLED:
        filled = Image.new(image.mode, image.size, FILLED[image.mode])
        differs = ImageChops.difference(image, filled).getbbox(alpha_only=False)
        _whiten(image, differs[3] if differs else 0)
    return image


def squeezed(image: Image.Image) -> Image.Image:
    """With all its rows, to be compared in little memory."""
    return image.reduce((8, 1))


def ends_early(image: Image.Image, data: bytes, name: str) -> bool:
    """Whether the file is whole but its picture is not, which its decoder does not tell.

    It is looked at closely only where the last pixel or row is what decoders leave there.
    """
    width, height = image.size
    if name == "JPEG" and image.mode in FILLED:
        return image.getpixel((width - 1, height - 1)) == FILLED[image.mode] and _needs_more(data)
    if name == "PNG" and not image.info.get("interlace"):
        last = image.crop((0, height - 1, width, height))
        return not any(last.tobytes()) and _png_rows(image.size, data)[1] < height
    return False


def _needs_more(data: bytes) -> bool:
    """Whether a JPEG looks otherwise if more comes before its end."""
    scan = next((end for marker, _, end in jpeg_segments(data) if marker == START_OF_SCAN), 0)
    end = data.find(END_OF_IMAGE, scan)
    more = data[:end] + bytes(MORE_BYTES) + END_OF_IMAGE
    return end > 0 and _eighth(data) != _eighth(more)


def _eighth(data: bytes) -> bytes:
    image = JpegImagePlugin.JpegImageFile(BytesIO(data), "")
    image.draft(None, (image.width // 8, image.height // 8))
    return image.tobytes()


def _fill_rows(image: Image.Image, frame: Frame) -> None:
    """What is missing of a GIF; its rows come in four passes if it is interlaced."""
    left, top, right, bottom = frame.box
    blank = image.info.get("transparency", 0)
    passes = GIF_PASSES if frame.interlaced else ((0, 1),)
    order = [y for first, step in passes for y in range(top + first, bottom, step)]
    while order and _row(image, frame, order[-1]).getextrema() == (blank, blank):
        order.pop()
    there, above = set(order), top - GIF_PASSES[0][1]
    white = blank if "transparency" in image.info else _white_of(image)
    for y in range(top, bottom):
        if y in there:
            above = y
        elif frame.interlaced and y - above < GIF_PASSES[0][1]:
            image.paste(_row(image, frame, above), (left, y))
        else:
            image.paste(white, (left, y, right, y + 1))


def _row(image: Image.Image, frame: Frame, y: int) -> Image.Image:
    return image.crop((frame.box[0], y, frame.box[2], y + 1))


def _white_of(image: Image.Image) -> Colour:
    """White in the mode of the image; of a palette the colour that is used least becomes white."""
    if image.mode in WHITE:
        return WHITE[image.mode]
    colours = ((image.getpalette() or []) + [0] * 768)[:768]
    used = image.histogram()
    white = used.index(min(used))
    colours[3 * white : 3 * white + 3] = [255] * 3
    image.putpalette(colours)
    return white


def _whiten(image: Image.Image, top: int) -> None:
    if top < image.height:
        image.paste(WHITE[image.mode], (0, top, *image.size))


def _png(image: Image.Image, data: bytes) -> Image.Image:
    width, height = image.size
    grid, rows = _png_rows(image.size, data)
    if grid != (1, 1):
        image = _enlarged(image, *grid)
    if image.mode in WHITE:
        _whiten(image, rows)
    elif rows < height and image.mode == "P" and not image.has_transparency_data:
        image.paste(_white_of(image), (0, rows, width, height))
    return image


def _png_rows(size: tuple[int, int], data: bytes) -> tuple[tuple[int, int], int]:
    """The grid of pixels that are there, and down to which row."""
    width, height = size
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
    return grid, rows


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
