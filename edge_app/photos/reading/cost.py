"""What decoding a file will take, by its header: too much is refused before a pixel is decoded."""

from __future__ import annotations

from PIL import Image

from edge_app.config import Limits, MiB
from edge_app.errors import DecodeError
from edge_app.photos.reading.lacks import lacks_limit
from edge_app.photos.reading.tiffpixels import Floats

# Bytes of a pixel in Pillow's memory (libImaging/Storage.c): three channels take four.
PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "LA": 4, "La": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
USUAL_PIXEL_BYTES = 4
# A progressive JPEG is decoded in several passes over all coefficients, two bytes each; libjpeg
# holds them for the whole picture, whatever size comes out. So it does with those of another JPEG
# whose channels come one after the other.
COEFFICIENT_BYTES = 2
START_OF_SCAN = 0xDA
# Times a full picture that these decoders hold beside Pillow's copy of it. Measured with 48
# megapixels: WebP 16.0 bytes a pixel in all, HEIC 9.4, AVIF 9.2.
EXTRA_COPIES = {"WEBP": 3, "AVIF": 1.4, "HEIF": 1.4, "JXL": 2, "GIF": 1}
USABLE = 0.95  # of the limit; the rest is what comes out, and strips on the way


def check_cost(
    image: Image.Image, name: str, size: tuple[int, int], data: bytes, limits: Limits
) -> None:
    """DecodeError if decoding a file at `size` takes more memory than a child may use."""
    what = f"{image.width} × {image.height} pixels take"
    refuse_over(len(data) + decoded_bytes(image, name, size, data), what, limits)


def refuse_over(need_bytes: int, what: str, limits: Limits) -> None:
    """DecodeError, `what` takes so much, if that is more than a child may use."""
    if need_bytes > USABLE * limits.decode_memory_bytes:
        raise DecodeError(
            f"{what} {-(-need_bytes // MiB)} MiB of memory to decode, over the limit of "
            f"{limits.decode_memory_bytes // MiB} (--decode-memory)",
            lacks_limit("decode_memory_bytes", limits),
        )


def decoded_bytes(image: Image.Image, name: str, size: tuple[int, int], data: bytes) -> int:
    """Memory that decoding takes; size: what a JPEG is decoded at, for others their own."""
    out_bytes = size[0] * size[1] * PIXEL_BYTES.get(image.mode, USUAL_PIXEL_BYTES)
    if isinstance(image, Floats):  # and what is made of them
        out_bytes *= image.channels + 1
    if name == "JPEG":
        held = bool(image.info.get("progressive") or image.info.get("progression"))
        held = held or _comes_by_channel(image, data)
        return out_bytes + (_samples(image) * COEFFICIENT_BYTES if held else 0)
    return int(out_bytes * (1 + EXTRA_COPIES.get(name, 0)))


def _comes_by_channel(image: Image.Image, data: bytes) -> bool:
    """Whether the first scan of a JPEG lacks a channel of its frame (ITU T.81, B.2.3)."""
    place = 2
    while place + 5 <= len(data) and data[place] == 0xFF:
        if data[place + 1] == START_OF_SCAN:
            return data[place + 4] < len(getattr(image, "layer", ()))
        fill = data[place + 1] == 0xFF
        place += 1 if fill else 2 + int.from_bytes(data[place + 2 : place + 4])
    return False


def _samples(image: Image.Image) -> int:
    """Of all channels together; colour has often a quarter of the samples that brightness has."""
    factors = [(h, v) for _, h, v, _ in getattr(image, "layer", ())] or [(1, 1)] * 3
    most = max(h for h, _ in factors) * max(v for _, v in factors)
    return int(image.width * image.height * sum(h * v for h, v in factors) // max(1, most))
