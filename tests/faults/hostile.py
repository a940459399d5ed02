"""Images made to harm whoever decodes them: bombs, loops, lies, and other formats in disguise."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image

BOMB = r"pixels take \d+ MiB of memory to decode, over the limit of \d+ \(--decode-memory\)"
BROKEN = "damaged|truncated"
FOREIGN = "not an image|not supported"
HARMLESS = None  # has to decode


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


PHOTO = Image.effect_noise((120, 80), 60).convert("RGB")
JPEG, PNG, GIF = encoded(PHOTO, "JPEG"), encoded(PHOTO, "PNG"), encoded(PHOTO, "GIF")
WEBP, BMP, TIFF = encoded(PHOTO, "WEBP"), encoded(PHOTO, "BMP"), encoded(PHOTO, "TIFF")


def png(width_px: int, height_px: int, *chunks: tuple[bytes, bytes], colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in ((b"IHDR", header), *chunks, (b"IEND", b""))
    )


def with_jpeg_size(width_px: int, height_px: int) -> bytes:
    frame = JPEG.index(b"\xff\xc0")
    return JPEG[: frame + 5] + struct.pack(">HH", height_px, width_px) + JPEG[frame + 9 :]


def with_exif(block: bytes) -> bytes:
    return (
        JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block + JPEG[2:]
    )


def tiff(*entries: tuple[int, int, int, int], next_ifd: int = 0) -> bytes:
    """Tags as (tag, type, count, value), then 64 bytes of pixels at offset 4096."""
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    head = b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", next_ifd)
    return head.ljust(4096, b"\0") + bytes(range(64))


def grey_tiff(width_px: int = 8, height_px: int = 8) -> list[tuple[int, int, int, int]]:
    pixels = width_px * height_px
    return [
        (256, 4, 1, width_px),
        (257, 4, 1, height_px),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 4096),
        (277, 3, 1, 1),
        (278, 4, 1, height_px),
        (279, 4, 1, pixels),
    ]


def endless_scans() -> bytes:
    """A progressive JPEG that refines its pixels for minutes, from a few hundred kilobytes."""
    whole = encoded(Image.new("L", (2000, 1990), 128), "JPEG", progressive=True)
    last_scan = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last_scan * 40_000 + whole[-2:]


def zip_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("run.sh", "rm -rf ~")
    return buffer.getvalue()


POSTSCRIPT = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(%pipe%id) (w) file\n%%EOF\n"
)
SVG = b"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>
<svg xmlns="http://www.w3.org/2000/svg"><text>&b;</text><script>alert(1)</script></svg>"""

# name → the file's bytes, and the reason it has to be refused with
KINDS: dict[str, tuple[bytes, str | None]] = {
    # bombs
    "png-of-3600-megapixels": (png(60_000, 60_000, (b"IDAT", zlib.compress(b""))), BOMB),
    "png-just-over-the-limit": (png(6400, 5000, (b"IDAT", zlib.compress(b""))), BOMB),
    "gif-with-a-huge-canvas": (GIF[:6] + b"\xff\xff\xff\xff" + GIF[10:], BOMB),
    "jpeg-of-65500-squared": (with_jpeg_size(65_500, 65_500), BOMB),
    "bmp-of-4-gigapixels": (BMP[:18] + struct.pack("<ii", 65_536, -65_536) + BMP[26:], BOMB),
    "tiff-of-4-gigapixels": (tiff(*grey_tiff(65_535, 65_535)), BOMB),
    "webp-of-268-megapixels": (
        b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xfe\x3f\0\xfe\x3f\0",
        f"{BOMB}|{BROKEN}",
    ),
    "png-with-a-text-that-inflates": (
        png(8, 8, (b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 28))), (b"IDAT", b"")),
        BROKEN,
    ),
    "png-with-a-profile-that-inflates": (
        png(8, 8, (b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 28))), (b"IDAT", b"")),
        BROKEN,
    ),
    "png-with-more-pixels-than-it-says": (
        png(8, 8, (b"IDAT", zlib.compress(bytes(1 << 28)))),
        HARMLESS,
    ),
    "jpeg-with-endless-scans": (endless_scans(), r"decoding took over 3 s \(--decode-time\)"),
    # loops and wild offsets
    "tiff-whose-directory-follows-itself": (tiff(*grey_tiff(), next_ifd=8), HARMLESS),
    "tiff-whose-next-directory-is-nowhere": (tiff(*grey_tiff(), next_ifd=0xFFFFFFF0), HARMLESS),
    "tiff-with-a-tag-of-4-billion-values": (
        tiff(*grey_tiff()[:5], (273, 4, 0xFFFFFFFF, 4096), *grey_tiff()[6:]),
        BROKEN,
    ),
    "tiff-with-pixels-behind-its-end": (
        tiff(*grey_tiff()[:5], (273, 4, 1, 0x7FFFFFFF), *grey_tiff()[6:]),
        BROKEN,
    ),
    "tiff-without-dimensions": (tiff(*grey_tiff()[2:]), BROKEN),
    "tiff-cut-inside-its-directory": (TIFF[:20], BROKEN),
    "jpeg-with-exif-that-follows-itself": (
        with_exif(b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + b"\x08\0\0\0"),
        HARMLESS,
    ),
    "jpeg-with-exif-of-4-billion-bytes": (
        with_exif(b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 271, 2, 0xFFFFFFFF, 8)),
        HARMLESS,
    ),
    # lies
    "empty": (b"", "empty file"),
    "jpeg-cut-in-the-middle": (JPEG[: len(JPEG) // 2], HARMLESS),
    "jpeg-without-an-end": (JPEG[:-400], HARMLESS),
    "jpeg-header-only": (JPEG[:20], BROKEN),
    "png-cut-in-the-middle": (PNG[: len(PNG) // 2], HARMLESS),
    "png-with-a-wrong-checksum": (PNG[:40] + b"\xff\xff" + PNG[42:], BROKEN),
    "png-without-width": (png(0, 8, (b"IDAT", zlib.compress(b""))), BROKEN),
    "webp-cut-in-the-middle": (WEBP[: len(WEBP) // 2], HARMLESS),
    "gif-header-only": (GIF[:13], BROKEN),
    "png-called-jpeg": (PNG, HARMLESS),
    "jpeg-with-an-archive-behind-it": (JPEG + zip_archive(), HARMLESS),
    "gif-that-is-also-a-script": (b"GIF89a/*" + bytes(5) + b"*/=1;alert(1)", BROKEN),
    # other formats in disguise; Pillow would open some, and start Ghostscript for PostScript
    "postscript": (POSTSCRIPT, FOREIGN),
    "postscript-behind-a-dos-header": (
        b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 30, len(POSTSCRIPT)) + bytes(18) + POSTSCRIPT,
        FOREIGN,
    ),
    "pdf": (b"%PDF-1.4\n" + POSTSCRIPT, FOREIGN),
    "svg": (SVG, FOREIGN),
    "html": (b"<!doctype html><script>alert(1)</script>", FOREIGN),
    "archive": (zip_archive(), FOREIGN),
    "text": ("größer als 3 Zeichen".encode(), FOREIGN),
    "elf": (b"\x7fELF" + bytes(200), FOREIGN),
    **{
        kind.lower(): (encoded(PHOTO, kind), FOREIGN)
        for kind in ("PPM", "TGA", "ICO", "PCX", "SGI", "DDS", "EPS", "PDF", "JPEG2000")
    },
}
