"""Bytes of one image file → the model's pixels, a thumbnail and the facts the index keeps.

Runs in child processes that hold little else, hence no NumPy here: pixels travel as bytes.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple, cast

# TIFF and WebP register themselves when imported; the other formats Pillow always loads.
from PIL import Image, TiffImagePlugin, WebPImagePlugin  # noqa: F401
from PIL.Image import Resampling, Transpose

from edge_app.config import Limits
from edge_app.errors import DecodeError
from edge_app.library.originals import fingerprint
from edge_app.photos import exif
from edge_app.photos.lacks import lacks_limit, lacks_package
from edge_app.photos.regions import WHOLE, Box

# The formats Pillow may try, and how a file of each begins. It knows more of them, among those
# PostScript, for which it starts Ghostscript.
SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "AVIF": rb"....ftyp(avi[fs]|(mif1|msf1).{,40}avi[fs])",
    "HEIF": rb"....ftyp(he|mif1|msf1)",
}

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

    views: bytes  # (len(boxes), size_px, size_px, 3) uint8 RGB: each box, stretched to the square
    thumbnail: bytes  # JPEG, upright, longer side at most limits.thumb_px, no metadata
    width_px: int  # of the upright image
    height_px: int
    format: str  # Pillow's name: "JPEG", "PNG", …
    taken_at: int | None  # the camera's wall clock read as if UTC, seconds since 1970
    camera: str | None  # make and model
    content: bytes  # BLAKE2b-128 of the file's bytes: twins have the same


def decode(data: bytes, size_px: int, limits: Limits, boxes: Sequence[Box] = (WHOLE,)) -> Decoded:
    """Decode a file once into one view per box, a thumbnail and facts; DecodeError says why not.

    MemoryError passes through: only the caller knows whether this image or its process is at fault.
    """
    enough = Enough(size_px, limits.thumb_px)
    image = _open(data, limits)
    name = "JPEG" if image.format == "MPO" else str(image.format)  # MPO: JPEGs one behind another
    width_px, height_px = image.size
    with _damage_as_reason(name, limits):
        if name == "JPEG":  # pillow-heif would deliver a thumbnail that the file brings along
            image.draft(None, _draft_size(image.size, boxes, enough))
        image.load()
        tags = exif.read_tags(image)  # after load(): PNG may keep them last, TIFF is turned by it
        orientation = exif.orientation(tags)
        whole = _region(image, WHOLE, orientation, enough)
        regions = [whole if b == WHOLE else _region(image, b, orientation, enough) for b in boxes]
    if orientation >= 5:
        width_px, height_px = height_px, width_px
    return Decoded(
        views=b"".join(_view(region, size_px) for region in regions),
        thumbnail=_thumbnail(whole, _fit(width_px, height_px, limits.thumb_px), limits),
        width_px=width_px,
        height_px=height_px,
        format=name,
        taken_at=exif.taken_at(tags),
        camera=exif.camera(tags),
        content=fingerprint(data),
    )


# --- opening --------------------------------------------------------------------------------------


def _open(data: bytes, limits: Limits) -> Image.Image:
    """The image, its header read and its pixel count within the limit, nothing decoded yet."""
    if not data:
        raise DecodeError("empty file")
    name = next((f for f, start in SIGNATURES.items() if re.match(start, data, re.DOTALL)), None)
    if name is None:
        raise DecodeError("not an image")
    _load_rare_plugin(name)
    Image.MAX_IMAGE_PIXELS = limits.decode_pixels  # Pillow checks as soon as it knows a size
    with _damage_as_reason(name, limits):
        return Image.open(BytesIO(data), formats=[name])


def _load_rare_plugin(name: str) -> None:
    """Load the libraries for AVIF and HEIF, which are big, only when such a file comes."""
    if name == "AVIF":
        from PIL import AvifImagePlugin

        if not AvifImagePlugin.SUPPORTED:
            raise DecodeError("AVIF is not supported by the installed Pillow")
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the pool has a process for every core
    elif name == "HEIF":
        try:
            import pillow_heif
        except ImportError:
            raise DecodeError(
                "HEIF photos need an add-on: pip install pillow-heif", lacks_package("pillow_heif")
            ) from None
        pillow_heif.options.DECODE_THREADS = 1
        pillow_heif.register_heif_opener()


@contextmanager
def _damage_as_reason(name: str, limits: Limits) -> Iterator[None]:
    """Turn whatever Pillow raises on bad bytes into a DecodeError with a short, stable reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DecodeError(
            _too_many_pixels(str(error)), lacks_limit("decode_pixels", limits)
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins raise almost anything on hostile bytes
        text = str(error).lower()
        if "memory" in text:  # a codec's own word for an allocation that failed
            raise MemoryError from None
        raise DecodeError(f"{'truncated' if 'truncated' in text else 'damaged'} {name}") from None


def _too_many_pixels(pillow_message: str) -> str:
    """The reason, from Pillow's "Image size (N pixels) exceeds limit of …"."""
    pixels = int(re.findall(r"\d+", pillow_message)[0])
    megapixels = math.ceil(pixels / 1e4) / 100  # rounded up: never equal to the limit it is over
    limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
    return f"{megapixels:g} megapixels, over the limit of {limit:g} (--decode-pixels)"


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


def _region(image: Image.Image, box: Box, orientation: int, enough: Enough) -> Image.Image:
    """The box of the upright image as RGB, averaged down to few pixels but enough."""
    left, top, right, bottom = region = _stored_region(box, image.size, orientation)
    sides = right - left, bottom - top
    surplus = min(min(sides) // enough.shorter_px, max(sides) // enough.longer_px)
    small = _shrink(image, region, max(1, surplus // SPARE))
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


def _shrink(image: Image.Image, region: tuple[int, int, int, int], factor: int) -> Image.Image:
    """The region as RGB, each `factor` × `factor` pixels averaged to one."""
    if image.mode in ("L", "RGB", "CMYK") and not image.has_transparency_data:
        return image.reduce(factor, region).convert("RGB")
    left, top, right, bottom = region
    levels = _levels(image)
    small = Image.new("RGB", (-(-(right - left) // factor), -(-(bottom - top) // factor)))
    rows = max(1, STRIP_PIXELS // (right - left) // factor) * factor
    for y in range(top, bottom, rows):
        strip = _rgb(image.crop((left, y, right, min(y + rows, bottom))), levels)
        small.paste(strip.reduce(factor), (0, (y - top) // factor))
    return small


def _levels(image: Image.Image) -> tuple[float, float] | None:
    """Scale and offset to 0…255 for modes of more than 8 bits: those of the type where it has any.

    32-bit integers and floats have no agreed white: their darkest and brightest pixels are taken.
    """
    if image.mode.startswith("I;16"):
        return 255 / 65535, 0.0
    if image.mode not in ("I", "F"):
        return None
    low, high = cast(tuple[float, float], image.getextrema())
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0.0, 1.0
    scale = 255 / ((high - low) or 1)
    return scale, -low * scale


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


def _view(region: Image.Image, size_px: int) -> bytes:
    """A region stretched to the model's square, as bytes.

    Bilinear finds the half-size copies of 600 photos best: 96 % come first, with bicubic 91,
    Hamming 86, box 60. Photos of the same class it finds as well as they do (P@1 .797, .795, .802).
    """
    return region.resize((size_px, size_px), Resampling.BILINEAR).tobytes()


def _thumbnail(whole: Image.Image, size: tuple[int, int], limits: Limits) -> bytes:
    """A JPEG of this size. Hamming is as sharp as bicubic when it shrinks, at bilinear's price."""
    buffer = BytesIO()
    thumbnail = whole.resize(size, Resampling.HAMMING)
    thumbnail.info.clear()  # save() would write the original's comment into it
    thumbnail.save(buffer, "JPEG", quality=limits.thumb_quality)
    return buffer.getvalue()


def _fit(width_px: int, height_px: int, longer_px: int) -> tuple[int, int]:
    """The size scaled down, never up, so that its longer side is at most `longer_px`."""
    scale = min(1.0, longer_px / max(width_px, height_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))
