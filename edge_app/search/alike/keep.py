"""Which of several copies to keep: the one that knows most about the photo, then the one that shows
most of it.

First what can't be made again: the camera's date and the place. Then real detail: an enlarged or
stretched copy has more pixels, and nothing in them. Then bytes, which an edit or a stronger
compression takes away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from PIL import Image, ImageChops, ImageStat
from PIL.Image import Resampling

from edge_app.index.format.records import ImageRecord

# The camera's date, the place, real detail, bytes; or all are equal; or originals can't be read.
Reason = Literal["date", "place", "detail", "bytes", "first", "unknown"]

SAME_SIZE = 1.05  # copies whose numbers of pixels differ by less have the same size
# What a copy loses when it is made as small as another, by what that one loses when it is made
# smaller by as much again. Photos with real detail lose about as much in each step, enlarged ones
# next to nothing (docs/search.md says how many are told apart). It falls with the step, as the
# finest details of large photos do.
REAL_LOSS, REAL_FALL = 0.85, -0.75
LEAST_LOSS = 0.5  # of 255 levels: less is rounding


class Patches(NamedTuple):
    """Parts of a photo at full resolution."""

    width_px: int  # of the photo
    height_px: int
    greys: tuple[Image.Image, ...]


class Keep(NamedTuple):
    """The copy to keep, and what decided it; None if its detail can't be compared now."""

    id: int | None
    reason: Reason


PatchesOf = Callable[[ImageRecord], Patches | None]  # None: the original can't be read now


def choose(images: Sequence[ImageRecord], patches_of: PatchesOf) -> Keep:
    """The copy to keep of those that show one picture."""
    left = list({image.content: image for image in sorted(images, key=_last)}.values())
    if len(left) == 1:
        return Keep(left[0].id, "first")
    reason: Reason = "first"
    facts: list[tuple[Reason, Callable[[ImageRecord], bool]]] = [
        ("date", _is_dated),
        ("place", _is_located),
    ]
    for name, has in facts:
        having = [image for image in left if has(image)]
        if having and len(having) < len(left):
            left, reason = having, name
    if len(left) == 1:
        return Keep(left[0].id, reason)
    detailed = _most_detailed(left, patches_of)
    if detailed is None:
        return Keep(None, "unknown")
    if len(detailed) < len(left):
        left, reason = detailed, "detail"
    most = max(image.size_bytes for image in left)
    largest = [image for image in left if image.size_bytes == most]
    if len(largest) < len(left):
        left, reason = largest, "bytes"
    return Keep(min(image.id for image in left), reason)


def _last(image: ImageRecord) -> tuple[bool, int]:
    """Of identical files the one that is there, and came first, sorts last."""
    return not image.offline, -image.id


def _is_dated(image: ImageRecord) -> bool:
    return image.taken_from in ("exif", "xmp")


def _is_located(image: ImageRecord) -> bool:
    return bool(image.located)


def _most_detailed(images: list[ImageRecord], patches_of: PatchesOf) -> list[ImageRecord] | None:
    """Those of the largest size whose detail is real; None where that can't be seen now."""
    images = sorted(images, key=lambda image: image.width_px * image.height_px)
    best, rest = [images[0]], images[1:]
    for image in rest:
        if _pixels(image) <= SAME_SIZE * _pixels(best[0]):
            best.append(image)
            continue
        larger, smaller = patches_of(image), patches_of(best[0])
        if larger is None or smaller is None:
            return None
        if is_real(larger, smaller):
            best = [image]
    return best


def is_real(larger: Patches, smaller: Patches) -> bool:
    """Whether a copy shows more than a smaller one of the same picture."""
    width_px, height_px = smaller.width_px, smaller.height_px
    straight = width_px / larger.width_px, height_px / larger.height_px
    turned = height_px / larger.width_px, width_px / larger.height_px
    # A turned copy and a stretched one may have the same sides: real is what both say.
    return all(_is_real(larger.greys, smaller.greys, *steps) for steps in (straight, turned))


def _is_real(
    larger: Sequence[Image.Image], smaller: Sequence[Image.Image], across: float, down: float
) -> bool:
    """Whether the larger one loses as much as real detail does when its sides are made smaller."""
    across, down = min(1.0, across), min(1.0, down)
    step = 1 / math.sqrt(across * down)
    loss = _loss(larger, across, down) / max(LEAST_LOSS, _loss(smaller, across, down))
    return loss >= REAL_LOSS * math.pow(step, REAL_FALL)


def _loss(greys: Sequence[Image.Image], across: float, down: float) -> float:
    """Root mean square of what is lost, in levels of 255, when these are made smaller."""
    squares = []
    for grey in greys:
        small = max(1, round(grey.width * across)), max(1, round(grey.height * down))
        back = grey.resize(small, Resampling.LANCZOS).resize(grey.size, Resampling.LANCZOS)
        squares.append(ImageStat.Stat(ImageChops.difference(grey, back)).rms[0] ** 2)
    return math.sqrt(sum(squares) / len(squares))


def _pixels(image: ImageRecord) -> int:
    return image.width_px * image.height_px
