"""What Chromium draws of a file and what is indexed of it are the same picture."""

from __future__ import annotations

import base64
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms
from playwright.sync_api import Browser

from edge_app.config import Limits
from edge_app.errors import DecodeError
from edge_app.photos.children.decode import decode
from edge_app.photos.reading.cicp import profile_of_codes
from tests.conftest import ROOT
from tests.photos.test_cicp import ADOBE, with_chunks
from tests.photos.test_odd_files import bitmap, broken, interlaced
from tools.testing.pictures import picture

CASES = ROOT.parent / "shared/cases/photos"
MEAN_LEVELS = 8  # of 255
ENDLESS = {"no-end.jpg", "jpg_noeoi.jpg"}
FIELDS = struct.pack("<3I", 0x3FF << 20, 0x3FF << 10, 0x3FF)  # of a BMP
SIDE_PX = 64  # compared at this size
TYPES = {"jpg": "jpeg", "png": "png", "webp": "webp", "gif": "gif", "bmp": "bmp", "avif": "avif"}

DRAW = """async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  return canvas.toDataURL('image/png').split(',')[1];
}"""


def made(folder: Path) -> list[Path]:
    """Files with colours, orientations, transparency and modes of all kinds."""
    photo = picture(4, 240, 160)
    exif = Image.Exif()
    exif[0x0112] = 6
    p3, linear = profile_of_codes(12, 13), profile_of_codes(9, 8)
    grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    see_through = photo.convert("RGBA")
    see_through.putalpha(picture(9, 240, 160).convert("L"))
    photo.save(folder / "plain.jpg", quality=90)
    photo.save(folder / "p3.jpg", quality=90, icc_profile=p3)
    photo.save(folder / "wide-linear.png", icc_profile=linear)
    photo.save(folder / "turned.jpg", exif=exif)
    photo.save(folder / "turned.png", exif=exif)
    photo.save(folder / "not-turned.webp", exif=exif, quality=90)
    photo.save(folder / "progressive.jpg", progressive=True, icc_profile=p3)
    photo.save(folder / "p3.webp", icc_profile=p3, lossless=True)
    photo.save(folder / "p3.avif", icc_profile=p3, quality=90)
    photo.convert("L").save(folder / "grey.jpg", icc_profile=grey)
    photo.convert("P").save(folder / "palette.gif")
    photo.convert("P").save(folder / "palette.bmp")
    see_through.save(folder / "see-through.png")
    see_through.save(folder / "see-through.webp", lossless=True)
    see_through.save(folder / "see-through-linear.png", icc_profile=linear)
    canvas = bytearray((folder / "palette.gif").read_bytes())
    canvas[6:10] = struct.pack("<HH", photo.width * 2, photo.height * 2)
    (folder / "part-of-its-canvas.gif").write_bytes(canvas)
    plain = BytesIO()
    photo.save(plain, "PNG")
    numbers = b"".join(value.to_bytes(4) for value in ADOBE)
    chunks = {
        "cicp.png": [(b"cICP", bytes([12, 13, 0, 1]))],
        "points.png": [(b"cHRM", numbers), (b"gAMA", (45471).to_bytes(4))],
    }
    for name, more in chunks.items():
        (folder / name).write_bytes(with_chunks(plain.getvalue(), *more))
    gamma = with_chunks(plain.getvalue(), (b"gAMA", (100000).to_bytes(4)))
    (folder / "broken-gamma.png").write_bytes(broken(gamma, b"gAMA"))
    whole = (folder / "plain.jpg").read_bytes()
    (folder / "no-end.jpg").write_bytes(whole[:-2])
    picture(4, 960, 640).save(folder / "half.jpg", quality=90)
    half = (folder / "half.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(half[: len(half) // 2])
    (folder / "half.png").write_bytes(plain.getvalue()[: len(plain.getvalue()) // 2])
    interlaced_png = interlaced(photo)
    (folder / "coarse.png").write_bytes(interlaced_png[: len(interlaced_png) // 3])
    palette = (folder / "palette.gif").read_bytes()
    (folder / "coarse.gif").write_bytes(palette[: len(palette) // 2])
    profiles = [(b"iCCP", b"x\0\0" + zlib.compress(profile or b"")) for profile in (linear, p3)]
    (folder / "two-profiles.png").write_bytes(with_chunks(plain.getvalue(), *profiles))
    (folder / "early-end.jpg").write_bytes(half[: len(half) // 2] + b"\xff\xd9")
    channels = np.asarray(photo)[::-1].astype(np.uint32) << np.array([22, 12, 2], np.uint32)
    fields = bitmap(32, channels.sum(2).astype("<u4").tobytes(), FIELDS, 3, size=photo.size)
    (folder / "ten-bits.bmp").write_bytes(fields)
    photo.convert("L").save(folder / "grey-of-rgb.jpg", icc_profile=linear)
    orientation_last = bytearray((folder / "turned.png").read_bytes())
    place = orientation_last.index(b"eXIf") - 4
    size = 12 + int.from_bytes(orientation_last[place : place + 4])
    block = orientation_last[place : place + size]
    del orientation_last[place : place + size]
    (folder / "not-turned.png").write_bytes(orientation_last[:-12] + block + orientation_last[-12:])
    return sorted(folder.iterdir())


def test_whole_photos_look_as_chromium_draws_them(browser: Browser, tmp_path: Path) -> None:
    cases = [p for p in sorted(CASES.glob("*")) if p.suffix[1:] in TYPES] if CASES.exists() else []
    files = [*made(tmp_path), *cases]
    page = browser.new_page()
    differ: dict[str, float] = {}
    for file in files:
        data = file.read_bytes()
        kind = TYPES[file.suffix[1:]]
        url = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
        try:
            drawn = Image.open(BytesIO(base64.b64decode(page.evaluate(DRAW, url))))
        except Exception as error:  # Playwright's own; Chromium reads no arithmetic JPEG
            assert "decode" in str(error), error
            continue
        square = drawn.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
        theirs = np.asarray(square).astype(int)
        try:
            views = decode(data, SIDE_PX, Limits()).views
        except DecodeError as error:  # an arithmetic JPEG, where libjpeg lacks it
            assert error.lacks, f"{file.name}: {error}"
            continue
        ours = np.frombuffer(views, np.uint8).reshape(SIDE_PX, SIDE_PX, 3).astype(int)
        # Of a JPEG that lacks its end Chromium leaves out the last rows, which are there.
        rows = SIDE_PX * 3 // 4 if file.name in ENDLESS else SIDE_PX
        differ[file.name] = float(np.abs(ours - theirs)[:rows].mean())
    page.close()
    assert len(differ) >= 21
    assert {name: mean for name, mean in differ.items() if mean > MEAN_LEVELS} == {}
