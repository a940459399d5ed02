"""Pixels to learn from and to check with, decoded exactly as the device decodes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_app.config import Config, Limits
from edge_app.errors import DecodeError, ModelError, UsageError
from edge_app.library.scan import scan
from edge_app.photos.children.decode import decode
from edge_app.photos.regions import WHOLE, Box

Pixels = npt.NDArray[np.uint8]  # (n, size, size, 3) RGB

CHECK_PHOTOS = 16


class Photo(NamedTuple):
    """Views of one photo, (len(boxes), size, size, 3), and the hash of its file."""

    views: Pixels
    content: str  # as in the index, in hexadecimal


def required_photos(
    folder: Path | None,
    size_px: int,
    count: range,
    option: str,
    boxes: Sequence[Box] = (WHOLE,),
) -> list[Photo]:
    """`photos`, at least count.start and at most count.stop of them, or an error naming the option
    that needs them."""
    if folder is None:
        raise UsageError(f"{option} needs --photos DIR with at least {count.start} photos")
    if not folder.is_dir():
        raise ModelError(f"--photos {folder} is not a folder")
    # Copies of one photo count as one, and weigh no more.
    found = list(
        {photo.content: photo for photo in photos(folder, size_px, count.stop, boxes)}.values()
    )
    if len(found) < count.start:
        raise ModelError(
            f"--photos {folder} has {len(found)} readable photos; {option} needs {count.start}"
        )
    return found


def photos(folder: Path, size_px: int, most: int, boxes: Sequence[Box] = (WHOLE,)) -> list[Photo]:
    """At most `most` photos spread evenly over a folder; what can't be decoded is left out."""
    files = scan(folder).files
    found = []
    for place in np.linspace(0, len(files) - 1, min(most, len(files))).astype(int):
        with suppress(DecodeError, OSError):
            decoded = decode((folder / files[place].path).read_bytes(), size_px, Limits(), boxes)
            pixels = np.frombuffer(decoded.views, np.uint8).reshape(-1, size_px, size_px, 3)
            found.append(Photo(pixels, decoded.content.hex()))
    return found


def all_views(found: Sequence[Photo]) -> Pixels:
    """The views of all photos, one after another."""
    return np.concatenate([photo.views for photo in found])


def generated_pictures(count: int, size_px: int) -> Pixels:
    """(count, size, size, 3): patches of colour under grain, the same every time."""
    random = np.random.default_rng(0)
    places = np.linspace(0, 7, size_px).round().astype(int)
    colours = random.uniform(0, 255, (count, 8, 8, 3))[:, places][:, :, places]
    return np.clip(colours + random.normal(0, 20, colours.shape), 0, 255).astype(np.uint8)


def check_pictures(folder: Path | None, size_px: int) -> Pixels:
    """Some of --photos, else of the default gallery, else generated pictures."""
    if folder:
        return all_views(required_photos(folder, size_px, range(1, CHECK_PHOTOS), "--photos"))
    gallery = Config().gallery
    found = photos(gallery, size_px, CHECK_PHOTOS) if gallery.is_dir() else []
    return all_views(found) if found else generated_pictures(CHECK_PHOTOS, size_px)
