"""Bytes of one image file → the model's pixels, a thumbnail and the facts the index keeps.

Runs in child processes that hold little else, so no NumPy here: pixels travel as bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple, cast

from PIL import Image, ImageFile, TiffImagePlugin
from PIL.Image import Resampling, Transpose

from edge_app.config import Limits
from edge_app.errors import DecodeError
from edge_app.library.originals import fingerprint
from edge_app.photos import exif, raw
from edge_app.photos.colour import Colours
from edge_app.photos.cost import check_cost
from edge_app.photos.dates import moment_in_xmp
from edge_app.photos.opening import format_of, opened, reasons
from edge_app.photos.pattern import pattern_of
from edge_app.photos.regions import CROP, PREPROCESS, WHOLE, Box

THUMB_PX = 320  # longer side of a thumbnail
THUMB_QUALITY = 80  # of its JPEG

INCOMPLETE = "incomplete"  # a note: the file lacks a part of the picture
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


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one decode of one file yields."""

    views: bytes  # (len(boxes), size_px, size_px, 3) uint8 RGB: each box, as a square
    thumbnail: bytes  # JPEG, upright, longer side at most thumb_px, no metadata
    width_px: int  # of the upright image
    height_px: int
    format: str  # Pillow's name: "JPEG", "PNG", …
    taken_at: int | None  # the camera's wall clock read as if UTC, seconds since 1970
    taken_from: str | None  # what that is from: "exif" or "xmp"
    taken_ms: int | None  # milliseconds within the second, where the camera says
    located: bool  # whether it says where it was taken
    camera: str | None  # make and model
    note: str | None  # INCOMPLETE, or None
    content: bytes  # BLAKE2b-128 of the file's bytes: twins have the same
    pattern: int  # of photos.pattern


def decode(
    data: bytes,
    size_px: int,
    limits: Limits,
    boxes: Sequence[Box] = (WHOLE,),
    thumb_px: int = THUMB_PX,
    preprocess: str = PREPROCESS,
) -> Decoded:
    """Decode a file once into one view per box, a thumbnail and facts; DecodeError says why not.

    preprocess: PREPROCESS or CROP, how a box becomes a square.
    MemoryError passes through: only the caller knows whether this image or its process is at fault.
    """
    name = format_of(data)
    try:
        return _decode(data, name, size_px, limits, boxes, thumb_px, preprocess)
    except DecodeError as error:
        if error.lacks:
            raise  # nothing is wrong with the file
        # What browsers show in spite of its faults is shown: its end is missing, or a chunk broken.
        with _lenient():
            return _decode(data, name, size_px, limits, boxes, thumb_px, preprocess, INCOMPLETE)


@contextmanager
def _lenient() -> Iterator[None]:
    """Meanwhile Pillow fills what is missing with grey."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _decode(
    data: bytes,
    name: str,
    size_px: int,
    limits: Limits,
    boxes: Sequence[Box],
    thumb_px: int,
    preprocess: str,
    note: str | None = None,
) -> Decoded:
    enough = Enough(size_px, thumb_px)
    with reasons(data, name):
        found = raw.opened(data, name, limits) if name in raw.KINDS else None
        image, coding = (found.image, found.coding) if found else (opened(data, name), name)
        width_px, height_px = image.size
        wanted = _draft_size(image.size, boxes, enough) if coding == "JPEG" else image.size
        check_cost(image, coding, wanted, limits)
        if coding == "JPEG":  # pillow-heif would deliver a thumbnail that the file brings along
            image.draft(None, wanted)
        image.load()
        # After load(): PNG may keep them last, TIFF is turned by it.
        tags = found.tags if found else exif.read_tags(image)
        orientation = found.orientation if found else exif.orientation(image, name, tags)
        colours = Colours(image)
        whole = _region(image, WHOLE, orientation, enough, colours)
        if note and all(low == high for low, high in _extrema(whole)):
            raise DecodeError(f"truncated {name}")  # nothing of the picture is there
        regions = [
            whole if box == WHOLE else _region(image, box, orientation, enough, colours)
            for box in boxes
        ]
    taken_at, taken_from = exif.taken_at(tags), "exif"
    if taken_at is None:
        taken_at, taken_from = moment_in_xmp(image.info), "xmp"
    if orientation >= 5:
        width_px, height_px = height_px, width_px
    thumbnail = _thumbnail(whole, _fit(width_px, height_px, thumb_px), limits)
    if found:
        width_px, height_px = found.size_of(width_px, height_px)
    return Decoded(
        views=b"".join(_view(region, size_px, preprocess) for region in regions),
        thumbnail=thumbnail,
        width_px=width_px,
        height_px=height_px,
        format=name,
        taken_at=taken_at,
        taken_from=None if taken_at is None else taken_from,
        taken_ms=exif.taken_ms(tags),
        located=exif.is_located(tags),
        camera=exif.camera(tags),
        note=note,
        content=fingerprint(data),
        pattern=pattern_of(whole),
    )


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    """The lowest and the highest level of each channel of an RGB image."""
    return cast(list[tuple[int, int]], list(image.getextrema()))


# --- pixels ---------------------------------------------------------------------------------------


class Enough(NamedTuple):
    """Sides of a region of an image that neither a view nor a thumbnail would be blurred by."""

    shorter_px: int
    longer_px: int


def _draft_size(size: tuple[int, int], boxes: Sequence[Box], enough: Enough) -> tuple[int, int]:
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


def _region(
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
        strip = _rgb(image.crop((left, y, right, min(y + rows, bottom))), levels)
        small.paste(strip.reduce(factor), (0, (y - top) // factor))
    return colours.srgb_of_grey(small) if image.mode in GREYS else colours.srgb(small)


GREYS = ("1", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def _levels(image: Image.Image) -> tuple[float, float] | None:
    """Scale and offset to 0…255 for modes of more than 8 bits: those of the type where it has any.

    32-bit integers and floats have no agreed white: their darkest and brightest pixels are taken.
    """
    if image.mode.startswith("I;16"):
        return (-255 / 65535, 255.0) if _is_white_zero(image) else (255 / 65535, 0.0)
    if image.mode not in ("I", "F"):
        return None
    low, high = cast(tuple[float, float], image.getextrema())
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0.0, 1.0
    scale = 255 / ((high - low) or 1)
    return scale, -low * scale


def _is_white_zero(image: Image.Image) -> bool:
    """Whether a TIFF counts from white, which Pillow turns for up to 8 bits only."""
    tags = getattr(image, "tag_v2", None)
    return tags is not None and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0


def _rgb(image: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    """The image as 8-bit RGB, transparent parts laid on white."""
    if levels is not None:
        scale, offset = levels
        grey = image.convert("F").point(lambda value: value * scale + (offset + 0.5)).convert("L")
        return Image.merge("RGB", (grey, grey, grey))
    if image.mode == "La":  # premultiplied grey, which Pillow converts to nothing else
        image = image.convert("LA")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image)
    return white


def _view(region: Image.Image, size_px: int, preprocess: str) -> bytes:
    """A region as the model's square, as bytes.

    CROP is bicubic and of the middle, as CLIP was trained. Of stretched ones bilinear finds the
    half-size copies of 600 photos best: 96 % come first, with bicubic 91, Hamming 86, box 60.
    Photos of the same class it finds as well as they do (P@1 .797, .795, .802).
    """
    square = size_px, size_px
    if preprocess == CROP:
        width, height = region.size
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        middle = left, top, left + side, top + side
        return region.resize(square, Resampling.BICUBIC, middle).tobytes()
    return region.resize(square, Resampling.BILINEAR).tobytes()


def _thumbnail(whole: Image.Image, size: tuple[int, int], limits: Limits) -> bytes:
    """A JPEG of this size. Hamming is as sharp as bicubic when it shrinks, at bilinear's price."""
    buffer = BytesIO()
    thumbnail = whole.resize(size, Resampling.HAMMING)
    thumbnail.info.clear()  # save() would write the original's comment into it
    thumbnail.save(buffer, "JPEG", quality=THUMB_QUALITY)
    return buffer.getvalue()


def _fit(width_px: int, height_px: int, longer_px: int) -> tuple[int, int]:
    """The size scaled down, never up, so that its longer side is at most `longer_px`."""
    scale = min(1.0, longer_px / max(width_px, height_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))
