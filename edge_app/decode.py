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
from datetime import UTC, datetime
from hashlib import blake2b
from io import BytesIO
from typing import NamedTuple, cast

# TIFF and WebP register themselves when imported; the other formats Pillow always loads.
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin  # noqa: F401
from PIL.Image import Resampling, Transpose

from edge_app.config import Limits
from edge_app.errors import DecodeError

PREPROCESS = "upright-rgb-stretch-1"  # named in the model card and in the index

# What Pillow may try, and how such a file begins. Pillow knows more formats, among them PostScript,
# for which it starts Ghostscript.
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

SPARE = 2  # shrink by whole factors down to this many times the wanted pixels, then filter
STRIP_PIXELS = 1 << 20  # converted at a time, so that a huge image is never held twice
CAMERA_CHARS = 100

TURNS = {  # EXIF orientation → what makes the stored image upright
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


class Box(NamedTuple):
    """A region, as fractions of the upright image."""

    x: float
    y: float
    w: float
    h: float


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


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
    image = _open(data, limits)
    name = _name(image)
    width_px, height_px = image.size
    with _damage_as_reason(name):
        image.draft(None, _draft_size(image.size, size_px, limits.thumb_px, boxes))
        image.load()
        exif = _exif(image)  # after load(): PNG may keep it last, and load() turns a TIFF itself
        orientation = _orientation(exif)
        if orientation >= 5:
            width_px, height_px = height_px, width_px
        thumbnail = _render(image, WHOLE, _fit(width_px, height_px, limits.thumb_px), orientation)
        views = [_render(image, box, (size_px, size_px), orientation) for box in boxes]
    return Decoded(
        views=b"".join(view.tobytes() for view in views),
        thumbnail=_jpeg(thumbnail, limits.thumb_quality),
        width_px=width_px,
        height_px=height_px,
        format=name,
        taken_at=_taken_at(exif),
        camera=_camera(exif),
        content=blake2b(data, digest_size=16).digest(),
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
    Image.MAX_IMAGE_PIXELS = limits.decode_pixels  # checked by Pillow as soon as it knows a size
    with _damage_as_reason(name):
        return Image.open(BytesIO(data), formats=[name])


@contextmanager
def _damage_as_reason(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises on bad bytes into a DecodeError with a short, stable reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DecodeError(_too_many_pixels(str(error))) from None
    except (DecodeError, MemoryError):
        raise
    except Exception as error:  # Pillow's plugins raise almost anything on hostile bytes
        text = str(error).lower()
        if "memory" in text:  # a codec's own report of a failed allocation
            raise MemoryError from None
        damage = "truncated" if "truncated" in text else "damaged"
        raise DecodeError(f"{damage} {name}") from None


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
            raise DecodeError("HEIF needs the package pillow-heif, not installed") from None
        pillow_heif.options.DECODE_THREADS = 1
        pillow_heif.register_heif_opener()


def _too_many_pixels(pillow_message: str) -> str:
    """The reason, from Pillow's "Image size (N pixels) exceeds limit of …"."""
    pixels = int(re.findall(r"\d+", pillow_message)[0])
    megapixels = math.ceil(pixels / 1e4) / 100  # rounded up: never equal to the limit it is over
    limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
    return f"{megapixels:g} megapixels, over the limit of {limit:g} (decode_pixels)"


def _name(image: Image.Image) -> str:
    """Pillow's name of the format; a JPEG with further pictures behind the first is a JPEG."""
    return "JPEG" if image.format == "MPO" else str(image.format)


# --- pixels ---------------------------------------------------------------------------------------


def _draft_size(
    size: tuple[int, int], size_px: int, thumb_px: int, boxes: Sequence[Box]
) -> tuple[int, int]:
    """The smallest size a JPEG may be decoded at, by 2, 4 or 8, with pixels enough for all uses."""
    width, height = size
    smallest = min(width, height) * min(min(box.w, box.h) for box in boxes)
    for scale in (8, 4, 2):
        if smallest // scale >= size_px and max(size) // scale >= thumb_px:
            return width // scale, height // scale
    return size


def _fit(width_px: int, height_px: int, longer_px: int) -> tuple[int, int]:
    """The size scaled down, never up, so that its longer side is `longer_px`."""
    scale = min(1.0, longer_px / max(width_px, height_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def _render(image: Image.Image, box: Box, size: tuple[int, int], orientation: int) -> Image.Image:
    """The box of the upright image, RGB, scaled to exactly `size`.

    The box is turned to the stored image, and only the small result is turned upright.
    """
    turn = TURNS.get(orientation)
    if orientation >= 5:
        size = size[1], size[0]
    left, top, right, bottom = _stored_region(box, image.size, orientation)
    factor = max(1, min((right - left) // size[0], (bottom - top) // size[1]) // SPARE)
    small = _shrink(image, (left, top, right, bottom), factor)
    exact = (0.0, 0.0, (right - left) / factor, (bottom - top) / factor)
    scaled = small.resize(size, Resampling.BICUBIC, box=exact)
    return scaled if turn is None else scaled.transpose(turn)


def _stored_region(box: Box, size: tuple[int, int], orientation: int) -> tuple[int, int, int, int]:
    """The pixels (left, top, right, bottom) of the image as stored under a box of it upright."""
    x, y, w, h = box
    if orientation >= 5:
        x, y, w, h = y, x, h, w
    if orientation in (2, 3, 7, 8):
        x = 1 - x - w
    if orientation in (3, 4, 6, 7):
        y = 1 - y - h
    left, top = round(x * size[0]), round(y * size[1])
    left, top = min(left, size[0] - 1), min(top, size[1] - 1)
    right, bottom = round((x + w) * size[0]), round((y + h) * size[1])
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _shrink(image: Image.Image, region: tuple[int, int, int, int], factor: int) -> Image.Image:
    """The region as RGB, each `factor` × `factor` pixels averaged to one."""
    left, top, right, bottom = region
    levels = _levels(image)
    small = Image.new(
        "RGB", (math.ceil((right - left) / factor), math.ceil((bottom - top) / factor))
    )
    rows = max(1, STRIP_PIXELS // (right - left) // factor) * factor
    for y in range(top, bottom, rows):
        strip = _rgb(image.crop((left, y, right, min(y + rows, bottom))), levels)
        small.paste(strip.reduce(factor), (0, (y - top) // factor))
    return small


def _levels(image: Image.Image) -> tuple[float, float] | None:
    """Scale and offset to 0…255 for modes of more than 8 bits: the type's range, where it has one.

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
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image)
        return white
    return image.convert("RGB")


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


# --- facts ----------------------------------------------------------------------------------------


def _exif(image: Image.Image) -> dict[int, object]:
    """The tags of the first and the Exif directory; unreadable metadata is no metadata."""
    try:
        exif = image.getexif()
        return {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except Exception:  # as with pixels, the parser raises almost anything
        return {}


def _orientation(exif: dict[int, object]) -> int:
    value = exif.get(ExifTags.Base.Orientation)
    return value if isinstance(value, int) and value in TURNS else 1


def _taken_at(exif: dict[int, object]) -> int | None:
    """When the photo was taken; of several dates the first valid one in the order of trust."""
    base = ExifTags.Base
    for tag in (base.DateTimeOriginal, base.DateTimeDigitized, base.DateTime):
        date = re.fullmatch(
            r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)[\0 ]*", str(exif.get(tag)), re.ASCII
        )
        if date:
            try:
                year, month, day, hour, minute, second = map(int, date.groups())
                moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            except (
                ValueError
            ):  # such as month 13, or 0000:00:00 from a camera whose clock was unset
                continue
            return int(moment.timestamp())
    return None


def _camera(exif: dict[int, object]) -> str | None:
    """ "Canon EOS 5D", not "Canon Canon EOS 5D": most models name their maker themselves."""
    make, model = (_text(exif.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model))
    if make and not model.casefold().startswith(make.split()[0].casefold()):
        model = f"{make} {model}"
    return model[:CAMERA_CHARS].strip() or None


def _text(value: object) -> str:
    """One line of printable characters."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())
