"""Pixels of any colour space as sRGB, which is what browsers, thumbnails and networks mean by RGB.

Called with images that are already small: a transform takes longer than shrinking does. A profile
that can't be read, or is of another kind than the pixels, counts as none, as in browsers; but greys
may have one of RGB.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from hashlib import blake2b
from io import BytesIO
from typing import Any

from PIL import Image

from edge_app.photos.reading.cicp import profile_of_gamma

PROFILE_BYTES = 8 << 20  # at most; printers' profiles take up to 3 MB
HEAD_BYTES, ENTRY_BYTES = 132, 12  # of a profile, with the number of its tags, and of each (ICC.1)
CODED = "coded colours"  # in an image's info: a profile made of code points that the file has
KEPT_TRANSFORMS = 16  # of profiles met last: a library has few cameras
SAME_LEVELS = 1  # a transform that changes nothing by more is not worth its time: it is sRGB's
SRGB_GAMMA = 0.45455  # of PNG's gAMA chunk, for what looks right without any (PNG, 11.3.2.2)
SRGB_INTENTS = range(4)  # of PNG's sRGB chunk; with another value it says nothing
SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}  # a mode, and the space of its profiles

_transforms: OrderedDict[tuple[bytes, str], Any] = OrderedDict()


class Colours:
    """What the pixels of one file mean."""

    def __init__(self, image: Image.Image) -> None:
        coded = image.info.get(CODED)
        profile = image.info.get("icc_profile") if coded is None else coded
        self._profile = profile if isinstance(profile, bytes) and _is_whole(profile) else b""
        gamma = image.info.get("gamma")
        self._gamma: float | None = None
        said = self._profile or coded is not None or image.info.get("srgb") in SRGB_INTENTS
        if not said and isinstance(gamma, float):
            usual = abs(gamma - SRGB_GAMMA) < 0.01
            self._gamma = gamma if 0.05 < gamma < 20 and not usual else None
            points = image.info.get("chromaticity")
            if isinstance(points, tuple) and len(points) == 8 and 0.05 < gamma < 20:
                self._profile = profile_of_gamma(points, 1 / gamma) or b""

    def srgb(self, image: Image.Image) -> Image.Image:
        """A small image of 8 bits a channel, of any mode, as RGB."""
        if image.mode == "LAB":
            return _applied(_lab_transform(), image)
        if image.mode == "L" and self._profile[16:20] == b"RGB ":
            image = image.convert("RGB")
        transform = self._transform(image.mode)
        if transform is not None:
            return _applied(transform, image)
        rgb = image if image.mode == "RGB" else image.convert("RGB")
        return rgb.point(_gamma_table(self._gamma) * 3) if self._gamma else rgb

    def srgb_of_grey(self, image: Image.Image) -> Image.Image:
        """The same of a small RGB image whose channels are equal, made of a grey one."""
        if self._profile and self._transform("L") is not None:
            return self.srgb(image.getchannel(0))
        return self.srgb(image)

    def _transform(self, mode: str) -> Any:
        """From this mode to sRGB; None where there is nothing to do."""
        if not self._profile or mode not in SPACES:
            return None
        key = blake2b(self._profile, digest_size=16).digest(), mode
        if key not in _transforms:
            _transforms[key] = _made(self._profile, mode)
            if len(_transforms) > KEPT_TRANSFORMS:
                _transforms.popitem(last=False)
        _transforms.move_to_end(key)
        return _transforms[key]


def _made(profile: bytes, mode: str) -> Any:
    """The transform of a profile, None if it can't be used or changes nothing."""
    from PIL import ImageCms  # 2 MB that few files need

    try:
        read = ImageCms.ImageCmsProfile(BytesIO(profile))
        if read.profile.xcolor_space.strip() != SPACES[mode]:
            return None
        transform = _built(read, mode)
        probe = _probe(mode)
        if mode != "CMYK" and _differ(transform.apply(probe), probe.convert("RGB")) <= SAME_LEVELS:
            return None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return transform


def _built(read: Any, mode: str) -> Any:
    from PIL import ImageCms

    srgb = ImageCms.createProfile("sRGB")
    try:
        return ImageCms.buildTransform(read, srgb, mode, "RGB")
    except ImageCms.PyCMSError:  # its table may be for the other usual intent only (A2B1)
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        return ImageCms.buildTransform(read, srgb, mode, "RGB", intent)


def _is_whole(profile: bytes) -> bool:
    """Whether a profile has the size that it names, and all its tags lie within that."""
    if not HEAD_BYTES <= len(profile) <= PROFILE_BYTES or profile[36:40] != b"acsp":
        return False
    size, tags = (int.from_bytes(profile[at : at + 4]) for at in (0, 128))
    table = HEAD_BYTES, HEAD_BYTES + ENTRY_BYTES * tags
    if not table[1] <= size <= len(profile):
        return False
    entries = struct.iter_unpack(">4xII", profile[slice(*table)])
    return all(place + length <= size for place, length in entries)


def _lab_transform() -> Any:
    key = b"LAB", "LAB"
    if key not in _transforms:
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        _transforms[key] = ImageCms.buildTransform(lab, srgb, "LAB", "RGB")
    return _transforms[key]


def _applied(transform: Any, image: Image.Image) -> Image.Image:
    image.load()
    converted: Image.Image = transform.apply(image)
    return converted


def _probe(mode: str) -> Image.Image:
    """A cube of colours, six levels of each channel."""
    levels = (0, 51, 102, 153, 204, 255)
    colours = bytes(level for r in levels for g in levels for b in levels for level in (r, g, b))
    return Image.frombytes("RGB", (36, 6), colours).convert(mode)


def _differ(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of any channel."""
    return max(abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True))


def _gamma_table(gamma: float) -> list[int]:
    """256 levels of a file whose samples are light ** gamma, as sRGB (IEC 61966-2-1)."""
    return [round(255 * _srgb_encoded((level / 255) ** (1 / gamma))) for level in range(256)]


def _srgb_encoded(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
