"""What a rejected file needs is named in the same way wherever it is said."""

import sys

import pytest

from edge_app.config import Limits
from edge_app.errors import DecodeError
from edge_app.photos.children.decode import decode
from edge_app.photos.reading.lacks import group_of


@pytest.mark.parametrize(
    ("name", "start", "module", "install"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic", "pillow_heif", "pip install pillow-heif"),
        ("a.jxl", b"\xff\x0a", "pillow_jxl", "pip install pillow-jxl-plugin"),
    ],
)
def test_a_file_and_its_group_name_the_same_package_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, start: bytes, module: str, install: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # an import fails as if it were not installed
    with pytest.raises(DecodeError) as caught:
        decode(start + bytes(64), 32, Limits())
    assert str(caught.value).endswith(install)
    assert group_of(str(caught.value), caught.value.lacks, name)[1] == install
