"""What a rejected file needs is named in the same way wherever it is said."""

import sys

import pytest

from edge_app.config import Limits
from edge_app.errors import DecodeError
from edge_app.host import install_with
from edge_app.photos.children.decode import decode
from edge_app.photos.reading import lacks
from edge_app.photos.reading.lacks import group_of, is_worth_a_try


@pytest.mark.parametrize(
    ("name", "start", "module", "install"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic", "pillow_heif", install_with("pillow-heif")),
        ("a.jxl", b"\xff\x0a", "pillow_jxl", install_with("pillow-jxl-plugin")),
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


@pytest.mark.parametrize("package", lacks.INSTALL.values())
def test_what_another_version_of_its_decoder_may_read_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    versions = {package: "1.0", "pillow": "13"}
    monkeypatch.setattr("edge_app.photos.reading.lacks.metadata.version", versions.__getitem__)
    monkeypatch.setattr("edge_app.photos.reading.lacks.util.find_spec", lambda name: object())
    lacks.lacks_version.cache_clear()
    try:
        lacked = lacks.lacks_version(package)
        assert not is_worth_a_try(lacked, Limits())
        lacks.lacks_version.cache_clear()
        versions[package] = "1.1"
        assert is_worth_a_try(lacked, Limits())
        monkeypatch.setattr("edge_app.photos.reading.lacks.util.find_spec", lambda name: None)
        assert not is_worth_a_try(lacked, Limits())
    finally:
        lacks.lacks_version.cache_clear()


def test_a_damaged_heic_is_tried_again_with_another_pillow_heif() -> None:
    pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    with pytest.raises(DecodeError, match="HEIF") as caught:
        decode(b"\0\0\0\x18ftypheic" + bytes(64), 32, Limits())
    assert " pillow-heif " in caught.value.lacks


@pytest.mark.parametrize("module", ["antigravity", "antigravity.x", "nothing.x", "", "a b"])
def test_a_package_that_an_index_from_elsewhere_names_is_neither_imported_nor_advised(
    module: str,
) -> None:
    assert not is_worth_a_try(f"package {module}", Limits())
    assert "antigravity" not in sys.modules
    assert group_of("no photo", f"package {module}", "a.jpg") == ("no photo", None)
