"""What decodes a few patches of a photo at its full resolution: to see how much detail is real.

No part of indexing: a whole decode takes several times as long as one for a thumbnail.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageStat

from edge_app.config import Limits
from edge_app.errors import DecodeError
from edge_app.library.originals import fingerprint
from edge_app.photos.children.decode import Decoded
from edge_app.photos.reading import exif
from edge_app.photos.reading.cost import check_cost
from edge_app.photos.reading.opening import format_of, opened, reasons
from edge_app.photos.reading.rawkinds import KINDS as RAW_KINDS
from edge_app.photos.regions import Box
from edge_app.photos.shrink import TURNS

PATCH_PX = 256  # side of a patch, less where the photo is smaller
PATCHES = 4  # those with most contrast, of nine all over the photo
_PLACES = (0.1, 0.5, 0.9)  # of nine, of the room that a patch has


def decode(data: bytes, size_px: int, limits: Limits, boxes: Sequence[Box]) -> Decoded:
    """`Decoded.views` are the patches, (PATCHES, height, width) uint8 grey, upright; their sides
    are PATCH_PX or those of the photo. DecodeError for RAW files, which have no such copies."""
    name = format_of(data)
    with reasons(data, name):
        if name in RAW_KINDS:
            raise DecodeError(f"{name} is not compared in detail")
        image = opened(data, name)
        check_cost(image, name, image.size, data, limits)
        block = image.info.get("exif")  # before load(), as in decode.py
        image.load()
        orientation = exif.orientation(block, name, exif.read_tags(image))
        found = [_grey(image.crop(box)) for box in _boxes(image.size)]
    found.sort(key=lambda patch: -ImageStat.Stat(patch).var[0])
    turn = TURNS.get(orientation)
    upright = [patch if turn is None else patch.transpose(turn) for patch in found[:PATCHES]]
    width_px, height_px = image.size if orientation < 5 else image.size[::-1]
    return Decoded(
        views=b"".join(patch.tobytes() for patch in upright),
        thumbnail=b"",
        width_px=width_px,
        height_px=height_px,
        format=name,
        taken_at=None,
        taken_from=None,
        taken_ms=None,
        located=False,
        camera=None,
        note=None,
        content=fingerprint(data),
        pattern=0,
    )


def sides(width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height of the patches of a photo."""
    return min(PATCH_PX, width_px), min(PATCH_PX, height_px)


def _boxes(size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    width, height = sides(*size)
    return [
        (x, y, x + width, y + height)
        for x in (round((size[0] - width) * place) for place in _PLACES)
        for y in (round((size[1] - height) * place) for place in _PLACES)
    ]


def _grey(patch: Image.Image) -> Image.Image:
    """As 8-bit grey; 16-bit and float images by their own range."""
    if patch.mode in ("I", "F") or patch.mode.startswith("I;16"):
        levels = patch.convert("F")
        low, high = levels.getextrema()
        assert isinstance(low, float) and isinstance(high, float)
        scale = 255 / ((high - low) or 1)
        return levels.point(lambda value: value * scale - low * scale).convert("L")
    return patch.convert("L")
