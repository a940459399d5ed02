"""Opens a TIFF at the page that is the photo, and in a way that its pixels come out right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Literal

from PIL import Image, TiffImagePlugin

from edge_app.photos.reading.bigtiff import as_tiff
from edge_app.photos.reading.rawkinds import COMPRESSION, PHOTOMETRIC, SUB_IFDS, values_of
from edge_app.photos.reading.tiffpixels import TiffFile, of_floats

# Compressions that every build of libtiff has: none, CCITT's, LZW, JPEG, Deflate, PackBits, and
# those of ThunderScan, NeXT and SGI. Others are optional, or not in it at all.
BUILT_IN = {1, 2, 3, 4, 5, 6, 7, 8, 32766, 32771, 32773, 32809, 32946, 34676, 34677}
UNCOMPRESSED, YCBCR = 1, 6
PAGES = 32  # looked at for one that is no thumbnail
NEW_SUBFILE_TYPE, REDUCED = 254, 1  # the tag, and its bit for smaller versions (TIFF 6.0)
SUBFILE_TYPE, OLD_REDUCED = 255, 2  # what it replaced
PLANAR, SEPARATE, BITS = 284, 2, 258

# What Pillow knows of other files only: greys, where photos.shrink turns negative ones, and CMYK
# with transparency, which is passed over.
_MORE: dict[Any, tuple[str, str]] = {
    (b"MM", 0, (1,), 1, (16,), ()): ("I;16B", "I;16B"),
    (b"MM", 1, (1,), 1, (32,), ()): ("I", "I;32B"),
    (b"MM", 0, (1,), 1, (32,), ()): ("I", "I;32B"),
    (b"II", 0, (1,), 1, (32,), ()): ("I", "I;32N"),
}
for _alpha in (1, 2):
    for _order in (b"II", b"MM"):
        _MORE[_order, 5, (1,), 1, (8,) * 5, (_alpha,)] = "CMYK", "CMYKX"
for _kind, _modes in _MORE.items():
    TiffImagePlugin.OPEN_INFO.setdefault(_kind, _modes)


def opened(data: bytes) -> Image.Image:
    """The photo, its header read."""
    data = as_tiff(data)
    if (floats := of_floats(data)) is not None:
        return floats
    with _decoder_for(data):
        image = _file(data)
        for page in range(PAGES):
            try:
                image.seek(page)
            except Exception:  # the last page, or a directory that leads nowhere
                break
            if not _is_reduced(image):
                return image
        image.seek(0)
        return _below(image, data) or image


def is_optional(data: bytes) -> bool:
    """Whether a file is compressed in a way that a build of libtiff may lack."""
    return bool(values_of(as_tiff(data), COMPRESSION) - BUILT_IN)


@contextmanager
def _decoder_for(data: bytes) -> Iterator[None]:
    """Meanwhile uncompressed files too are read by libtiff where Pillow's own way gives other
    pixels: subsampled colours, and channels of 16 bits that come one after the other."""
    if UNCOMPRESSED in values_of(data, COMPRESSION):
        apart = SEPARATE in values_of(data, PLANAR) and 16 in values_of(data, BITS)
        TiffImagePlugin.READ_LIBTIFF = apart or YCBCR in values_of(data, PHOTOMETRIC)
    try:
        yield
    finally:
        TiffImagePlugin.READ_LIBTIFF = False


def _below(
    image: TiffImagePlugin.TiffImageFile, data: bytes
) -> TiffImagePlugin.TiffImageFile | None:
    """The first page below a flagged one that is not flagged itself, as of a file of its own."""
    places = image.tag_v2.get(SUB_IFDS, ())
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    for place in (places if isinstance(places, tuple) else (places,))[:PAGES]:
        try:
            page = _file(data[:4] + place.to_bytes(4, order) + data[8:])
        except Exception:  # as above
            continue
        if not _is_reduced(page):
            return page
    return None


def _file(data: bytes) -> TiffImagePlugin.TiffImageFile:
    return TiffFile(BytesIO(data), "")


def _is_reduced(image: TiffImagePlugin.TiffImageFile) -> bool:
    flags = image.tag_v2.get(NEW_SUBFILE_TYPE, 0)
    flagged = isinstance(flags, int) and flags & REDUCED
    return bool(flagged) or image.tag_v2.get(SUBFILE_TYPE) == OLD_REDUCED
