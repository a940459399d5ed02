"""RAW files, through LibRaw: the picture that the camera put into the file, or what the sensor saw,
at half the size.

The one module that loads NumPy into a decoding child, as rawpy needs it, and only when such a file
comes. What that takes is a part of what decoding the file is said to take.
"""

from __future__ import annotations

import os
from importlib import util
from io import BytesIO
from typing import Any, NamedTuple

from PIL import Image, JpegImagePlugin

from edge_app.config import Limits, MiB
from edge_app.errors import DecodeError
from edge_app.host import install_with
from edge_app.photos.reading import exif
from edge_app.photos.reading.cost import refuse_over
from edge_app.photos.reading.lacks import lacks_package, lacks_version
from edge_app.photos.reading.rawkinds import KINDS, is_linear

__all__ = ["KINDS", "RawPhoto", "opened"]

# Of address space, which is what a child's cap counts: measured 67 MiB with NumPy 1.26, rawpy 0.28
# and one thread for BLAS, x86_64; 18 MiB of them are resident.
LOADED_BYTES = 70 * MiB
PREVIEW_PX = 1000  # longer side of an embedded picture that is good enough
# For each pixel of the sensor, at half size: 2 as read, 2 as four channels of a quarter, and a
# quarter as RGB twice. Measured 5.7 at 24 and at 45 megapixels.
MOSAIC_BYTES = 6
# Where a file has all colours of each pixel there is no half size: 6, 8 and 3 twice.
LINEAR_BYTES = 20
SAME_SHAPE = 0.03  # previews lack some rows and columns at the edges of a sensor
LOWER_WHITE = 0.75  # LibRaw's own choice: white is what is brightest, from so much of it on
LIBRAW_EXIF = b"dcraw v"
SRGB_CURVE = (2.4, 12.92)  # LibRaw's way to say it: the power, and the slope near black
# LibRaw's own orientation, and Exif's.
TURNED = {0: 1, 3: 3, 5: 8, 6: 6}


class RawPhoto(NamedTuple):
    """A picture to show, not decoded yet if it is the camera's own, and what the file says."""

    image: Image.Image
    coding: str  # "JPEG", or "" where there is nothing left to decode
    orientation: int
    size: tuple[int, int]  # of the photo as the sensor took it, upright
    tags: exif.Tags

    def size_of(self, width_px: int, height_px: int) -> tuple[int, int]:
        """What to call the size of the photo where this much of it was decoded: the sensor's,
        unless the camera made a picture of another shape."""
        of_sensor = self.size[0] / self.size[1]
        same = abs(width_px / height_px / of_sensor - 1) < SAME_SHAPE
        return self.size if same else (width_px, height_px)


def opened(data: bytes, name: str, limits: Limits) -> RawPhoto:
    """The photo in a RAW file; DecodeError says what it lacks, or what it would take."""
    held_bytes = LOADED_BYTES + len(data)
    refuse_over(held_bytes, f"{name}: reading it takes", limits)
    libraw = _libraw(name)
    try:
        with libraw.RawPy() as file:
            file.open_buffer(BytesIO(data))
            sizes = file.sizes
            across = sizes.flip in (5, 6)
            size = (sizes.height, sizes.width) if across else (sizes.width, sizes.height)
            preview = _preview(libraw, file)
            tags = _tags(data, name, preview, file)
            if preview is not None:
                turn = _turn_of(preview, sizes)
                return RawPhoto(preview, "JPEG", turn, size, tags)
            pixel_bytes = LINEAR_BYTES if is_linear(data) else MOSAIC_BYTES
            need_bytes = held_bytes + size[0] * size[1] * pixel_bytes
            refuse_over(need_bytes, f"{size[0]} × {size[1]} pixels of a sensor take", limits)
            return RawPhoto(_developed(file, name), "", 1, size, tags)
    except libraw.LibRawError as error:
        raise _reason(libraw, error, name) from None


def _libraw(name: str) -> Any:
    """The module rawpy, with one thread for all it brings: there is a process for every core."""
    if util.find_spec("rawpy") is None:
        raise DecodeError(
            f"{name} photos need an add-on: {install_with('rawpy')}", lacks_package("rawpy")
        )
    for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(threads, "1")
    import rawpy

    return rawpy


def _preview(libraw: Any, file: Any) -> Image.Image | None:
    """The largest picture in the file, its header read, if it is a JPEG that is large enough."""
    try:
        found = file.extract_thumb()
    except (libraw.LibRawNoThumbnailError, libraw.LibRawUnsupportedThumbnailError):
        return None
    if found.format != libraw.ThumbFormat.JPEG:
        return None
    try:
        image = JpegImagePlugin.JpegImageFile(BytesIO(found.data))
    except (OSError, SyntaxError, ValueError):
        return None
    return image if max(image.size) >= PREVIEW_PX else None


def _turn_of(preview: Image.Image, sizes: Any) -> int:
    """How the preview has to be turned: what it says itself, else as the sensor was held; but for
    one that was turned already."""
    block = preview.info.get("exif")
    # LibRaw gives a preview without Exif some of its own.
    own = isinstance(block, bytes) and LIBRAW_EXIF not in block and exif.has_orientation(block)
    if own:
        return exif.orientation(block, "JPEG", {})
    lies = (sizes.width - sizes.height) * (preview.width - preview.height)
    if sizes.flip in (5, 6) and lies < 0:
        return 1
    return TURNED.get(sizes.flip, 1)


def _developed(file: Any, name: str) -> Image.Image:
    """The sensor's data as sRGB, upright, half as wide and high; as bright as the file says."""
    pixels = file.postprocess(
        half_size=True,
        use_camera_wb=True,
        no_auto_bright=True,
        # A DNG says what is white; of other cameras LibRaw's tables do, which may lie above it.
        adjust_maximum_thr=0.0 if name == "DNG" else LOWER_WHITE,
        gamma=SRGB_CURVE,
        output_bps=8,
    )
    height, width, _ = pixels.shape
    return Image.frombuffer("RGB", (width, height), pixels, "raw", "RGB", 0, 1)


def _tags(data: bytes, name: str, preview: Image.Image | None, file: Any) -> exif.Tags:
    """What the file says in Exif, or its preview, or LibRaw found: date and camera."""
    tags = dict(exif.raw_tags(data, name))
    if preview is not None:
        tags = {**exif.read_tags(preview), **tags}
    if exif.taken_at(tags) is None and file.other.timestamp.year > 1970:
        tags[exif.DATE] = file.other.timestamp.strftime("%Y:%m:%d %H:%M:%S")
    return tags


def _reason(libraw: Any, error: Exception, name: str) -> Exception:
    if isinstance(error, libraw.LibRawUnsufficientMemoryError):
        return MemoryError()
    if isinstance(error, (libraw.LibRawFileUnsupportedError, libraw.LibRawNotImplementedError)):
        return DecodeError(
            f"{name} of a kind that the installed LibRaw can't read", lacks_version("rawpy")
        )
    return DecodeError(f"damaged {name}", lacks_version("rawpy"))
