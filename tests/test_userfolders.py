"""userfolders: the folders of a user, by the XDG base directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_app import userfolders


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("STATE", "DATA", "CONFIG"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    return tmp_path


def test_an_index_is_named_after_its_library_and_each_path_has_its_own(home: Path) -> None:
    one, other = userfolders.index_of(home / "a/Summer"), userfolders.index_of(home / "b/Summer")
    assert one.parent == other.parent == home / ".local/state/lookalike"
    assert one.name.startswith("Summer-")
    assert one.name != other.name
    assert userfolders.index_of(home / "b/../a/Summer/") == one


@pytest.mark.parametrize(
    ("folder", "named"),
    [
        ("Ferien am Meer", "Ferien_am_Meer-"),
        ("Fotos – Größe", "Fotos_Größe-"),
        ("a\nb", "a_b-"),
        ("..hidden", "hidden-"),
        ("(!)", "photos-"),
        ("x" * 250, "x" * 40 + "-"),
    ],
)
def test_whatever_the_library_is_called_the_name_is_one_that_can_be_typed(
    home: Path, folder: str, named: str
) -> None:
    name = userfolders.index_of(home / folder).name
    assert name.startswith(named)
    assert len(name) == len(named) + 8


def test_base_directories_are_as_the_environment_says_unless_that_is_relative(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert userfolders.indexes_folder() == home / "state/lookalike"
    assert userfolders.models_folder() == home / ".local/share/lookalike/models"
    assert userfolders.cache_folder() == home / ".cache/lookalike"


def test_the_pictures_folder_is_the_desktops_if_it_is_there(home: Path) -> None:
    assert userfolders.pictures_folder() is None
    (home / "Pictures").mkdir()
    assert userfolders.pictures_folder() == home / "Pictures"
    (home / ".config").mkdir()
    settings = home / ".config/user-dirs.dirs"
    settings.write_text('XDG_MUSIC_DIR="$HOME/Musik"\nXDG_PICTURES_DIR="$HOME/Bilder"\n')
    assert userfolders.pictures_folder() is None
    (home / "Bilder").mkdir()
    assert userfolders.pictures_folder() == home / "Bilder"
    settings.write_text('XDG_PICTURES_DIR="$HOME/"\n')  # how a desktop says that there is none
    assert userfolders.pictures_folder() is None


def test_a_user_without_a_home_has_no_models_and_no_pictures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)  # which no passwd file knows
    assert userfolders.models_folder() == Path("/nonexistent/.local/share/lookalike/models")
    assert userfolders.pictures_folder() is None
    assert list(userfolders.indexes_folder().glob("*")) == []
