"""What the command line says about places of photos that can't be used: one line, nothing made."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_app.cli.arguments import main
from edge_app.host import install_with
from tools.testing.pictures import save
from tools.testing.rclone import free_port

pytestmark = pytest.mark.model


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    save(tmp_path / "photos/below/a.png", 1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["index", "serve"])
@pytest.mark.parametrize(
    ("galleries", "code", "said"),
    [
        (["ftp://host/x"], 2, "ftp:// is not known"),
        (["s3://key:hunter2@bucket"], 2, "--gallery-config"),
        (["a=photos", "a=photos"], 2, "two sources have the name a"),
        (["a=photos", "b=photos/below"], 2, "overlap"),
        (["a/b=photos"], 2, "a name can't have a slash"),
        (["photos", "b=photos"], 2, "need names"),
        (["webdav://nas.home.arpa/x"], 2, "without encryption"),
        (["a=nowhere", "b=neither"], 1, "nowhere does not exist"),
    ],
)
def test_it_is_one_line_and_nothing_is_made(
    place: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    galleries: list[str],
    code: int,
    said: str,
) -> None:
    words = [word for gallery in galleries for word in ("--gallery", gallery)]
    assert main([command, *words, "--index", "index", "--model", str(model)]) == code
    error = capsys.readouterr().err
    assert error.startswith("error: ") and said in error and error.count("\n") == 1
    assert "hunter2" not in error
    assert not (place / "index").exists()


def test_a_source_that_does_not_answer_is_one_line_and_nothing_is_made(
    place: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("opendal")
    url = f"webdav://127.0.0.1:{free_port()}/x"
    assert main(["index", "--gallery", url, "--index", "index", "--model", str(model)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "can't be reached: no connection" in error
    assert not (place / "index").exists()


def test_without_the_extra_it_says_what_to_install(
    place: Path, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opendal", None)
    words = ["--gallery", "s3://bucket", "--index", "index", "--model", str(model)]
    assert main(["index", *words]) == 2
    assert install_with("lookalike[remote]") in capsys.readouterr().err
    assert not (place / "index").exists()


def test_a_key_file_that_others_can_read_is_refused(
    place: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "keys.toml").write_text('["s3://bucket"]\n')
    (place / "keys.toml").chmod(0o644)
    words = ["--gallery", "s3://bucket", "--gallery-config", "keys.toml", "--index", "index"]
    assert main(["index", *words, "--model", str(model)]) == 2
    assert "chmod 600 keys.toml" in capsys.readouterr().err
    assert not (place / "index").exists()
