"""`lookalike FOLDER`: one line on a device, without any option."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_app.cli.arguments import main
from edge_app.cli.folder import to_type
from edge_app.config import Config
from edge_app.userfolders import index_of
from tests.conftest import ROOT
from tools.testing.command import serving
from tools.testing.hurried import PROGRAM
from tools.testing.pictures import save


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a user who has nothing but photos."""
    for name in ("STATE", "DATA", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "Summer/a.jpg", 1)
    return tmp_path


@pytest.mark.model
def test_a_folder_is_served_with_an_index_of_its_own(
    home: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = home / "data/lookalike/models"
    models.mkdir(parents=True)
    for file in model.parent.glob("mobilenet_v2.*"):
        (models / file.name).symlink_to(file)
    assert main(["doctor"]) == 1
    assert "no photos are indexed yet; begin with: lookalike FOLDER\n" in capsys.readouterr().out
    words = [*PROGRAM, "Summer", "--head-start", "600"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with serving(words, home, environment) as site:
        assert "--lan" in site.line()
        assert site.get("api/status")["images"] == 1
    assert (index_of(home / "Summer") / "catalog.db").is_file()
    assert sorted(path.name for path in home.iterdir()) == ["Summer", "data", "state"]
    told = subprocess.run(
        [sys.executable, "-m", "edge_app", "info"], capture_output=True, text=True, env=environment
    ).stdout
    assert re.search(r"state/lookalike/Summer-\w{8}: 1 images of .*/Summer\n", told)

    # The other commands find it too, with the folder or as the only one.
    for words in (["doctor"], ["doctor", "--gallery", "Summer"], ["search", "Summer/a.jpg"]):
        assert main(words) == 0, words
    capsys.readouterr()
    save(home / "Winter/b.jpg", 2)
    assert main(["search", "Summer/a.jpg", "--gallery", "Winter"]) == 1
    assert "no index of Winter yet; make one with: lookalike Winter" in capsys.readouterr().err
    assert main(["doctor", "--gallery", "Winter"]) == 1
    index_of(home / "Winter").mkdir()  # of a folder without photos, named by mistake
    assert main(["search", "Summer/a.jpg"]) == main(["doctor"]) == 0
    capsys.readouterr()
    shutil.copytree(index_of(home / "Summer"), index_of(home / "Winter"), dirs_exist_ok=True)
    assert main(["search", "Summer/a.jpg"]) == 1
    summer = f"name one of them: --index {index_of(home / 'Summer')} ({home}/Summer), --index "
    assert summer in capsys.readouterr().err
    assert main(["doctor"]) == 0  # which looks at both
    (index_of(home / "Winter") / "catalog.db").write_bytes(b"damaged")
    capsys.readouterr()
    assert main(["doctor"]) == 1
    assert f"first: {index_of(home / 'Winter').name}: " in capsys.readouterr().out
    assert main(["doctor", "--gallery", "Summer"]) == 0
    for command in ("doctor", "duplicates", "check"):
        assert main([command, "--index", str(index_of(home / "Summer"))]) == 0, command


def test_where_there_is_no_model_it_says_how_to_get_one_without_a_checkout(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["Summer", "--port", "0"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "install a lookalike-model package" in line
    assert str(home / "data/lookalike/models") in line


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["search", "Summer/a.jpg"], 1, "no photos are indexed yet; begin with: lookalike FOLDER"),
        (["check"], 1, "no photos are indexed yet"),
        (["duplicates"], 1, "no photos are indexed yet"),
        (["export", "out"], 1, "no photos are indexed yet"),
        (["index"], 2, "name the photo folder with --gallery"),
        (["serve"], 2, "name the photo folder with --gallery"),
    ],
)
def test_a_command_that_has_nothing_to_work_with_says_how_to_begin(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert main(words) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Winter"], "Winter is neither a folder nor a command: index, serve, "),
        (["Summer/a.jpg"], "is not a folder; to search with it: lookalike search Summer/a.jpg"),
        ([], "name a folder with photos: lookalike FOLDER"),
        (["summr"], "summr is neither a folder nor a command; did you mean Summer? ("),
        (["./Sumer/"], "./Sumer/ does not exist; did you mean Summer? ("),
        (["/no/such"], "/no/such does not exist ("),
        (["s3://bucket/a"], "name a URL with --gallery: lookalike serve --gallery s3://bucket/a"),
        (["-v"], "there is no option -v ("),
        (["--lan", "Summer"], "--lan comes after a folder or a command: lookalike FOLDER --lan"),
        (["serve", "Summer"], "Summer; name a photo folder with --gallery, or several: --gallery "),
        (["Summer", "."], "unrecognized arguments: .; name a photo folder with --gallery"),
        (["check", "Summer"], "; name its index folder: --index {index} (see "),
    ],
)
def test_what_is_no_folder_is_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    index = index_of(home / "Summer")
    index.mkdir(parents=True)
    with pytest.raises(SystemExit, match="2"):
        main(words)
    (line,) = capsys.readouterr().err.splitlines()
    assert said.format(index=index) in line


def test_the_pictures_folder_is_offered_and_not_taken(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "Pictures").mkdir()
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert f"lookalike {home}/Pictures" in capsys.readouterr().err
    assert not (home / "state").exists()


def test_advice_for_such_a_library_names_its_index_and_its_folder(home: Path) -> None:
    config = Config(gallery=home / "Summer", index=index_of(home / "Summer"))
    again = f"lookalike index --index {config.index} --gallery {home}/Summer"
    assert to_type(config, "index") == again
    assert (
        to_type(config, "check", "--repair") == f"lookalike check --repair --index {config.index}"
    )
    assert to_type(Config(), "index") == "lookalike index --gallery FOLDER"  # none is known
