"""A region of an opened image as a small upright sRGB picture, at the least cost.

A JPEG is decoded at a part of its size; others are averaged down strip by strip, so that a huge
image is never held twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

from PIL import Image, TiffImagePlugin
from PIL.Image import Transpose

from edge_app.photos.reading.colour import Colours
from edge_app.photos.regions import Box
from edge_app.photos.thumbnail import Fit

SPARE = 2  # average down to no fewer than so many times the wanted pixels; a filter does the rest
STRIP_PIXELS = 1 << 20  # converted at a time, so that a huge image is never held twice

TURNS = {  # EXIF orientation → what makes the stored image upright
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


class Enough(NamedTuple):
    """Sides of a region of an image that neither a view nor a thumbnail would be blurred by."""

    shorter_px: int
    longer_px: int


def enough_of(size: tuple[int, int], view_px: int, fit: Fit) -> Enough:
    """For a view of so many pixels and a thumbnail of an image of this size."""
    shorter_px, longer_px = sorted(fit.of(*size))
    return Enough(
        max(view_px, round(fit.enough * shorter_px)), max(1, round(fit.enough * longer_px))
    )


def draft_size(size: tuple[int, int], boxes: Sequence[Box], enough: Enough) -> tuple[int, int]:
    """The smallest size a JPEG can be decoded at with enough pixels: 1/8, 1/4, 1/2 or all of it.

    The embedding of a 12-megapixel photo decoded at 1/8 has cosine 0.9987 to that of the full
    decode (mean; at 1/4 0.9997), and decoding takes 35 ms in place of 200.
    """
    width, height = size
    narrowest = min(width, height) * min(min(box.w, box.h) for box in boxes)
    for scale in (8, 4, 2):
        if narrowest // scale >= enough.shorter_px and max(size) // scale >= enough.longer_px:
            return width // scale, height // scale
    return size


def region_of(
    image: Image.Image, box: Box, orientation: int, enough: Enough, colours: Colours
) -> Image.Image:
    """The box of the upright image as sRGB, averaged down to few pixels but enough."""
    left, top, right, bottom = region = _stored_region(box, image.size, orientation)
    sides = right - left, bottom - top
    surplus = min(min(sides) // enough.shorter_px, max(sides) // enough.longer_px)
    small = _shrink(image, region, max(1, surplus // SPARE), colours)
    turn = TURNS.get(orientation)
    return small if turn is None else small.transpose(turn)


def _stored_region(box: Box, size: tuple[int, int], orientation: int) -> tuple[int, int, int, int]:
    """The pixels (left, top, right, bottom) of the stored image under a box of the upright one."""
    x, y, w, h = box
    if orientation >= 5:
        x, y, w, h = y, x, h, w
    if orientation in (2, 3, 7, 8):
        x = 1 - x - w
    if orientation in (3, 4, 6, 7):
        y = 1 - y - h
    left, top = min(round(x * size[0]), size[0] - 1), min(round(y * size[1]), size[1] - 1)
    right, bottom = round((x + w) * size[0]), round((y + h) * size[1])
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _shrink(
    image: Image.Image, region: tuple[int, int, int, int], factor: int, colours: Colours
) -> Image.Image:
    """The region as sRGB, each `factor` × `factor` pixels averaged to one."""
    if image.mode in ("L", "RGB", "CMYK", "LAB") and not image.has_transparency_data:
        return colours.srgb(image.reduce(factor, region))
    left, top, right, bottom = region
    levels = _levels(image)
    small = Image.new("RGB", (-(-(right - left) // factor), -(-(bottom - top) // factor)))
    rows = max(1, STRIP_PIXELS // (right - left) // factor) * factor
    for y in range(top, bottom, rows):
        strip = image.crop((left, y, right, min(y + rows, bottom)))
        rgb = _on_white(strip, colours) if levels is None else _grey(strip, levels)
        small.paste(rgb.reduce(factor), (0, (y - top) // factor))
    laid_on_white = levels is None and image.has_transparency_data
    return small if laid_on_white else _srgb(small, image, colours)


def _srgb(rgb: Image.Image, image: Image.Image, colours: Colours) -> Image.Image:
    """8-bit RGB that was made of the image, as sRGB."""
    return colours.srgb_of_grey(rgb) if image.mode in GREYS else colours.srgb(rgb)


GREYS = ("1", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")


class _Levels(NamedTuple):
    """How values become 0…255."""

    scale: float
    offset: float
    raw_mode: str | None = None  # how to read them where Pillow's mode has another sign


def _levels(image: Image.Image) -> _Levels | None:
    """For modes of more than 8 bits: the range of the type where it has an agreed one.

    32-bit integers and floats have no agreed white: their darkest and brightest pixels are taken;
    but unsigned integers that reach into the upper half of their type are taken to fill it.
    """
    negative = _tag(image, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
    if image.mode.startswith("I;16"):
        # Pillow turns what counts from white for up to 8 bits only, and has no mode for 12.
        scale = 255 / (4095 if _tag(image, TiffImagePlugin.BITSPERSAMPLE) == (12,) else 65535)
        return _Levels(-scale, 255.0) if negative else _Levels(scale, 0.0)
    if image.mode not in ("I", "F"):
        return None
    low, high = cast(tuple[float, float], image.getextrema())
    raw_mode = None
    if image.mode == "I" and low < 0 and _tag(image, SAMPLE_FORMAT, (1,)) == (1,):
        low, high, raw_mode = 0.0, 2.0**32 - 1, UNSIGNED
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0.0, 1.0
    scale = 255 / ((high - low) or 1)
    if negative:
        return _Levels(-scale, high * scale, raw_mode)
    return _Levels(scale, -low * scale, raw_mode)


SAMPLE_FORMAT = 339  # of TIFF; 1: unsigned
UNSIGNED = "F;32N"


def _tag(image: Image.Image, tag: int, default: object = None) -> object:
    """Of a TIFF, `default` of other files."""
    tags = getattr(image, "tag_v2", None)
    return default if tags is None else tags.get(tag, default)


def _grey(image: Image.Image, levels: _Levels) -> Image.Image:
    """The image as 8-bit RGB."""
    if levels.raw_mode:
        image = Image.frombytes("F", image.size, image.tobytes(), "raw", levels.raw_mode)
    grey = image.convert("F").point(lambda value: value * levels.scale + (levels.offset + 0.5))
    grey = grey.convert("L")
    return Image.merge("RGB", (grey, grey, grey))


def _on_white(image: Image.Image, colours: Colours) -> Image.Image:
    """The image as 8-bit RGB; one with transparent parts as sRGB, laid on white."""
    if image.mode == "La":  # premultiplied grey, which Pillow converts to nothing else
        image = image.convert("LA")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(_srgb(rgba.convert("RGB"), image, colours), mask=rgba.getchannel("A"))
    return white
