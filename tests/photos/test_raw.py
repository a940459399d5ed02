"""raw: a RAW photo is seen by its embedded preview, or as the sensor saw it; both look right."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_app.config import Limits, MiB
from edge_app.errors import DecodeError
from edge_app.photos.children import preview
from edge_app.photos.children.decode import Decoded, decode
from edge_app.photos.children.pool import DecodePool
from edge_app.photos.reading import raw
from edge_app.photos.reading.rawkinds import raw_kind
from edge_app.photos.regions import WHOLE
from tests.conftest import ROOT
from tests.photos.raws import dng
from tools.testing.pictures import picture

pytestmark = pytest.mark.skipif(util.find_spec("rawpy") is None, reason="rawpy is not installed")

LIMITS = Limits()
WIDTH_PX, HEIGHT_PX = 1200, 800
COLOURS: list[tuple[int, ...]] = [(240, 10, 10), (128, 128, 128), (20, 40, 200), (255, 255, 255)]


def patched() -> Image.Image:
    """Four quarters, each of another colour, so that it shows which way is up."""
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX))
    half, down = WIDTH_PX // 2, HEIGHT_PX // 2
    for place, colour in zip([(0, 0), (half, 0), (0, down), (half, down)], COLOURS, strict=True):
        image.paste(colour, (*place, place[0] + half, place[1] + down))
    return image


def seen(decoded: Decoded) -> list[tuple[int, ...]]:
    """The colours in the middle of the quarters of a thumbnail."""
    with Image.open(io.BytesIO(decoded.thumbnail)) as image:
        pixels = np.asarray(image)
    rows, columns = pixels.shape[0] // 4, pixels.shape[1] // 4
    return [
        tuple(map(int, pixels[y * rows - 3 : y * rows + 3, x * columns - 3 : x * columns + 3]
        .mean(axis=(0, 1)).round()))
        for y in (1, 3) for x in (1, 3)
    ]  # fmt: skip


def assert_looks_right(decoded: Decoded, colours: list[tuple[int, ...]]) -> None:
    difference = np.abs(np.array(seen(decoded)) - np.array(colours))
    assert difference.max() <= 6, seen(decoded)


def test_the_embedded_preview_is_the_photo() -> None:
    other = patched().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    data = dng(patched(), (256, 1100), preview_of=other)
    decoded = decode(data, 32, LIMITS)
    assert (decoded.format, decoded.width_px, decoded.height_px) == ("DNG", WIDTH_PX, HEIGHT_PX)
    red, grey, blue, white = COLOURS
    assert_looks_right(decoded, [grey, red, white, blue])


@pytest.mark.parametrize("previews_px", [(), (256,), (999,)])
def test_without_a_large_enough_one_the_sensor_data_is(previews_px: tuple[int, ...]) -> None:
    other = patched().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    decoded = decode(dng(patched(), previews_px, preview_of=other), 32, LIMITS)
    assert (decoded.format, decoded.width_px, decoded.height_px) == ("DNG", WIDTH_PX, HEIGHT_PX)
    assert_looks_right(decoded, COLOURS)


@pytest.mark.parametrize("previews_px", [(), (1100,)])
def test_either_is_upright_and_has_its_date_and_camera(previews_px: tuple[int, ...]) -> None:
    decoded = decode(dng(patched(), previews_px, orientation=6), 32, LIMITS)
    assert (decoded.width_px, decoded.height_px) == (HEIGHT_PX, WIDTH_PX)
    red, grey, blue, white = COLOURS
    assert_looks_right(decoded, [blue, red, white, grey])
    assert (decoded.taken_at, decoded.taken_from) == (1_622_865_782, "exif")
    assert decoded.camera == "Maker Model 7"


def test_a_preview_that_was_turned_already_is_not_turned_again() -> None:
    upright = patched().transpose(Image.Transpose.ROTATE_270)
    data = dng(patched(), (1100,), orientation=6, preview_of=upright)
    red, grey, blue, white = COLOURS
    assert_looks_right(decode(data, 32, LIMITS), [blue, red, white, grey])


def test_a_preview_on_the_page_is_no_larger_than_what_there_is() -> None:
    decoded = preview.decode(dng(patched(), (1100,)), 1, LIMITS, (WHOLE,))
    with Image.open(io.BytesIO(decoded.thumbnail)) as image:
        assert max(image.size) == 1100


def test_what_does_not_fit_is_refused_before_the_sensor_data_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(raw, "_developed", never)
    data = dng(patched())
    tight = replace(LIMITS, decode_memory_bytes=raw.LOADED_BYTES + 8 * MiB)
    with pytest.raises(DecodeError, match=r"1200 × 800 pixels of a sensor take 78 MiB") as error:
        decode(data, 32, tight)
    assert error.value.lacks.startswith("limit decode_memory_bytes=")
    smaller = replace(LIMITS, decode_memory_bytes=32 * MiB)
    with pytest.raises(DecodeError, match=r"DNG: reading it takes 72 MiB .*--decode-memory"):
        decode(data, 32, smaller)


def test_in_a_child_it_keeps_within_the_memory_it_is_said_to_take() -> None:
    """24 megapixels, the cap what cost.py would just let pass."""
    data = dng(picture(1, 6000, 4000))
    need_bytes = raw.LOADED_BYTES + len(data) + 6000 * 4000 * raw.MOSAIC_BYTES
    limits = replace(LIMITS, decode_memory_bytes=int(need_bytes / 0.9) + MiB)
    with DecodePool(32, limits, workers=1, nice=0) as pool:
        decoded = pool.decode(data)
    assert (decoded.width_px, decoded.height_px) == (6000, 4000)


def test_numpy_is_loaded_by_a_raw_photo_only(tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(dng(patched()))
    patched().save(tmp_path / "a.jpg")
    script = """
import sys
from pathlib import Path
from edge_app.config import Limits
from edge_app.photos.children.decode import decode
for name in ("a.jpg", "a.dng"):
    decode(Path(name).read_bytes(), 32, Limits())
    print("numpy" in sys.modules)
"""
    said = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert said.stdout.split() == ["False", "True"], said.stderr


def test_without_rawpy_it_is_not_supported_and_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(
        DecodeError, match=r"DNG photos need an add-on: .*pip install rawpy"
    ) as error:
        decode(dng(patched()), 32, LIMITS)
    assert error.value.lacks == "package rawpy"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"II*\0\x10\0\0\0CR\2\0", "CR2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "CR3"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"IIRO\x08\0\0\0", "ORF"),
        (b"IIU\0\x18\0\0\0", "RW2"),
        (b"II*\0\xff\xff\xff\xff", None),
        (b"\xff\xd8\xff", None),
        (b"", None),
    ],
)
def test_kinds_are_told_by_their_bytes(data: bytes, kind: str | None) -> None:
    assert raw_kind(data) == kind


@pytest.mark.parametrize(
    ("make", "kind"), [(b"NIKON CORPORATION", "NEF"), (b"SONY", "ARW"), (b"Nobody", "RAW")]
)
def test_a_tiff_of_a_sensor_is_raw_and_of_which_maker(make: bytes, kind: str) -> None:
    """As a DNG without the tag that says so."""
    data = dng(patched(), (1100,)).replace(b"\x12\xc6\x01\0\4\0\0\0", b"\x15\xc6\x01\0\4\0\0\0")
    assert raw_kind(data.replace(b"Maker\0", make[:5].ljust(5) + b"\0")) == kind


def test_a_tiff_of_a_picture_is_none(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "NIKON"
    patched().save(tmp_path / "scan.tif", exif=exif)
    assert raw_kind((tmp_path / "scan.tif").read_bytes()) is None


@pytest.mark.parametrize("kind", ["CR2", "CR3", "RAF", "ORF", "RW2"])
def test_what_libraw_can_not_read_is_not_called_damaged(kind: str) -> None:
    start = {
        "CR2": b"II*\0\x10\0\0\0CR\2\0", "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1",
        "RAF": b"FUJIFILMCCD-RAW 0201", "ORF": b"IIRO\x08\0\0\0", "RW2": b"IIU\0\x18\0\0\0",
    }[kind]  # fmt: skip
    with pytest.raises(DecodeError) as error:
        decode(start + bytes(3000), 32, LIMITS)
    assert str(error.value) == f"{kind} of a kind that the installed LibRaw can't read"
    assert "rawpy" in error.value.lacks


def test_one_that_is_cut_off_is_an_error_or_a_picture() -> None:
    data = dng(patched(), (1100,))
    for size in range(1, len(data), len(data) // 23):
        try:
            decode(data[:size], 32, LIMITS)
        except DecodeError as error:
            assert str(error)
