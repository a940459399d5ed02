"""Opens a file of a known format, its header read and nothing decoded, or says what it lacks.

"Damaged" is said of damage only: somebody may delete a file on that word. What the installed
libraries can't read is "not supported".
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

# It registers itself when imported, as TIFF does; the other formats Pillow always loads.
from PIL import Image, WebPImagePlugin  # noqa: F401

from edge_app.errors import DecodeError
from edge_app.host import install_with
from edge_app.photos.reading import bmp, tiff
from edge_app.photos.reading.cicp import code_points, profile_of_codes
from edge_app.photos.reading.colour import CODED
from edge_app.photos.reading.lacks import lacks_package, lacks_version
from edge_app.photos.reading.mend import is_cut, jpeg_segments, png_of_first
from edge_app.photos.reading.rawkinds import raw_kind

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
    "JXL": rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
}
# What is not read, but may be somebody's picture all the same.
OTHERS = {
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "JPEG XR": rb"II\xbc\x01",
    "Photoshop": rb"8BPS",
    "ICO": rb"\0\0\x01\0",
    "PDF": rb"%PDF-",
    "SVG": rb"\s*(<\?xml[^>]*>\s*)?<svg",
    "video": rb"....(ftyp|moov|mdat)|\x1aE\xdf\xa3|RIFF....AVI ",
}
# Words of Pillow's and the codecs' for what is legal and not built in.
UNSUPPORTED = re.compile(
    r"unknown (pixel mode|png|compression|raw mode|bmp|photometric)|unsupported|not supported"
    r"|cannot handle|can't handle|not implemented|unrecogni[sz]ed(?! data)|not available|no decoder"
    r"|decoder .* not|invalid mode|unexpected number of bits|cannot decode"
)
# Start-of-frame markers of ISO 10918-1, table B.1: lossless, and with arithmetic coding; and that
# of ISO 14495-1, which is another way to code pixels.
JPEG_LS = 0xF7
ODD_FRAMES = {JPEG_LS, 0xC3, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
DECODED_BY = {"HEIF": "pillow-heif", "JXL": "pillow-jxl-plugin"}  # others by Pillow itself
ARITHMETIC = {0xC9, 0xCA}  # of these, what libjpeg can read where it was built with it
USUAL_BITS = 8  # of a JPEG's sample; the installed Pillow reads no others
TRANSPARENT = "transparency"  # Pillow's name, in what it scales pixels to but for this
OWN = {"BMP": bmp.opened, "TIFF": tiff.opened}  # where Pillow's way is not enough


def format_of(data: bytes) -> str:
    """The name of a file's format; DecodeError for what is no image."""
    if not data:
        raise DecodeError("empty file")
    if (raw := raw_kind(data)) is not None:
        return raw
    name = _name_in(SIGNATURES, data)
    if name is None:
        other = _name_in(OTHERS, data)
        raise DecodeError(f"{other} files are not supported" if other else "not an image")
    return name


def _name_in(signatures: dict[str, bytes], data: bytes) -> str | None:
    return next((f for f, start in signatures.items() if re.match(start, data, re.DOTALL)), None)


def opened(data: bytes, name: str) -> Image.Image:
    """The image, or the page of it that is not a thumbnail; call it within `reasons`."""
    _load_rare_plugin(name)
    Image.MAX_IMAGE_PIXELS = None  # what decoding takes is bounded by cost.py
    if name == "PNG":
        data = png_of_first(data)
    if name not in Image.OPEN:
        Image.preinit()  # not init(): 45 more plugins take 12 ms and 3 MB in every process
    # Not Image.open(), which does not tell why a plugin refuses a file.
    image = OWN[name](data) if name in OWN else Image.OPEN[name][0](BytesIO(data), "")
    if name == "JPEG" and _frame(data)[0] in ARITHMETIC:
        # Its decoder can not wait for more in the middle.
        image.decodermaxblock = len(data)  # type: ignore[attr-defined]
    if name == "PNG" and image.mode == "L" and data[24] in (2, 4) and TRANSPARENT in image.info:
        image.info[TRANSPARENT] *= 255 // (2 ** data[24] - 1)  # the grey that has no colour
    codes = code_points(data, name)
    # A PNG's code points go before its profile (PNG, third edition, 4.3), in other files after it.
    if codes and (name == "PNG" or not image.info.get("icc_profile")):
        image.info[CODED] = profile_of_codes(*codes)
    return image


def _load_rare_plugin(name: str) -> None:
    """Load the libraries of big or extra formats only when such a file comes."""
    if name == "AVIF":
        from PIL import AvifImagePlugin

        if not AvifImagePlugin.SUPPORTED:
            raise DecodeError("AVIF is not supported by the installed Pillow", lacks_version())
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the pool has a process for every core
    elif name == "HEIF":
        try:
            import pillow_heif
        except ImportError:
            raise DecodeError(
                f"HEIF photos need an add-on: {install_with('pillow-heif')}",
                lacks_package("pillow_heif"),
            ) from None
        pillow_heif.options.DECODE_THREADS = 1
        pillow_heif.register_heif_opener()
    elif name == "JXL":
        try:
            import pillow_jxl  # noqa: F401
        except ImportError:
            raise DecodeError(
                f"JPEG XL photos need an add-on: {install_with('pillow-jxl-plugin')}",
                lacks_package("pillow_jxl"),
            ) from None


@contextmanager
def reasons(data: bytes, name: str) -> Iterator[None]:
    """Turn whatever Pillow raises on bad bytes into a DecodeError with a short, stable reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (MemoryError, DecodeError):
        raise
    except Exception as error:  # Pillow's plugins raise almost anything on hostile bytes
        text = str(error).lower()
        # A codec's own word for an allocation that failed; Pillow's for many text chunks is not.
        if "memory" in text and "text chunks" not in text:
            raise MemoryError from None
        package = DECODED_BY.get(name, "pillow")
        if _is_unsupported(data, name, text):
            raise DecodeError(
                f"{name} of a kind that the installed {package.capitalize()} can't read",
                lacks_version(package),
            ) from None
        raise DecodeError(
            f"{'truncated' if 'truncated' in text or is_cut(data, name) else 'damaged'} {name}",
            lacks_version(package) if name in DECODED_BY else "",
        ) from None


def _is_unsupported(data: bytes, name: str, text: str) -> bool:
    if name == "JPEG":
        marker, bits, height_px = _frame(data)
        return marker in ODD_FRAMES or bits not in (None, USUAL_BITS) or height_px == 0
    if name == "TIFF" and tiff.is_optional(data):
        return True
    return bool(UNSUPPORTED.search(text))


def _frame(data: bytes) -> tuple[int | None, int | None, int | None]:
    """The marker of a JPEG's first frame, which says how it is coded, the bits of a sample, and its
    height, which may be 0: then it comes behind the picture (ITU T.81, B.2.5)."""
    for marker, place, _ in jpeg_segments(data):
        is_frame = 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if (is_frame or marker == JPEG_LS) and place + 7 <= len(data):
            return marker, data[place + 4], int.from_bytes(data[place + 5 : place + 7])
    return None, None, None
