"""Which files are one photo."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_app.library.pairs import paired, pairs
from edge_app.library.scan import scan


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["a.JPG", "a.NEF"], {"a.JPG": ("a.NEF",)}),
        (["2019/IMG_1.jpg", "2019/img_1.CR2"], {"2019/IMG_1.jpg": ("2019/img_1.CR2",)}),
        (["a.jpg", "a.dng", "a.arw"], {"a.jpg": ("a.arw", "a.dng")}),
        (["a.heic", "a.dng"], {"a.heic": ("a.dng",)}),
        (["a.heic", "a.jpeg", "a.dng"], {"a.jpeg": ("a.dng",)}),
        (["a.jpg", "x/a.nef"], {}),
        (["a.jpg", "a1.nef"], {}),
        (["a.png", "a.nef"], {}),  # an export, larger or smaller: what the camera made is a JPEG
        (["a.nef", "a.dng"], {}),
        (["a.jpg", "a.jpeg"], {}),
    ],
)
def test_a_raw_file_belongs_to_the_picture_of_its_name(
    paths: list[str], found: dict[str, tuple[str, ...]]
) -> None:
    assert pairs(paths) == found


def test_a_pair_is_one_entry(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.nef", "b.nef"):
        (tmp_path / name).write_bytes(b"12345")
    first, second = paired(scan(tmp_path).files)
    assert (first.path, first.raw_names) == ("a.jpg", ("a.nef",))
    assert (second.path, second.raw_names) == ("b.nef", ())
