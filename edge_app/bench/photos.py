"""Makes photos as from a camera, to measure with where nobody gave any."""

from __future__ import annotations

import random
import shutil
import struct
from functools import reduce
from io import BytesIO
from pathlib import Path

from PIL import Image

from edge_app.config import Limits, MiB
from edge_app.errors import DiskFullError
from edge_app.photos.children.decode import decode

PHOTO_PX = (4000, 3000)
PHOTO_BYTES = 3_700_000  # 12 megapixels at quality 92, with what `_LAYERS` puts into them
_PICTURES = 4  # really different ones; a photo's bytes are its own all the same
# Blots of so many pixels, and how strongly each layer covers those before it: about the same
# contrast on every scale as in a landscape, and on the last one the noise of a sensor.
_LAYERS = ((1024, 1.0), (256, 0.35), (64, 0.25), (16, 0.15), (4, 0.1), (1, 0.07))


def make_photos(folder: Path, count: int, size_px: tuple[int, int] = PHOTO_PX) -> None:
    """Write `count` JPEGs into `folder`, the same in every run and no two alike in every byte."""
    pixels = PHOTO_PX[0] * PHOTO_PX[1]
    need_bytes = count * PHOTO_BYTES * size_px[0] * size_px[1] // pixels
    free_bytes = shutil.disk_usage(folder).free
    if need_bytes > free_bytes:
        raise DiskFullError(
            f"{count} photos need {need_bytes // MiB} MiB, but {folder} has "
            f"{free_bytes // MiB} MiB free; use fewer photos (--count), or set TMPDIR to "
            "a folder on another disk"
        )
    jpegs = [_jpeg(seed, size_px) for seed in range(min(count, _PICTURES))]
    for number in range(count):
        jpeg, comment = jpegs[number % len(jpegs)], b"photo %d" % number
        # A comment segment behind the first marker (ITU-T T.81, B.2.4.5).
        segment = b"\xff\xfe" + struct.pack(">H", 2 + len(comment)) + comment
        (folder / f"{number:06}.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])


def make_thumbnail() -> bytes:
    """A JPEG such as the index keeps of every image."""
    return decode(_jpeg(0, (640, 480)), 224, Limits()).thumbnail


def _jpeg(seed: int, size_px: tuple[int, int]) -> bytes:
    """A picture that is about as hard to decode as a photo of its size."""
    chance = random.Random(seed)

    def cover(picture: Image.Image, layer: tuple[int, float]) -> Image.Image:
        blot_px, weight = layer
        width, height = (-(-side // blot_px) for side in size_px)
        blots = Image.frombytes("RGB", (width, height), chance.randbytes(3 * width * height))
        return Image.blend(picture, blots.resize(size_px, Image.Resampling.BICUBIC), weight)

    file = BytesIO()
    reduce(cover, _LAYERS, Image.new("RGB", size_px)).save(file, "JPEG", quality=92)
    return file.getvalue()
