"""`lookalike doctor`: one sentence for each thing that is wrong, and an exit code for scripts."""

from __future__ import annotations

import errno
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_app.cli.arguments import main
from edge_app.cli.commands import doctor
from edge_app.config import Config, Limits, MiB
from edge_app.host import install_with
from edge_app.library import inotify
from edge_app.library.mounts import Mount
from tests.model.test_embed import installed
from tools.testing.pictures import save


@pytest.fixture
def config(tmp_path: Path, model: Path) -> Config:
    save(tmp_path / "photos/2024/a.jpg", 1)
    return Config(gallery=tmp_path / "photos", index=tmp_path / "index", model=model)


def words(config: Config, *more: str) -> list[str]:
    named = {"--gallery": config.gallery, "--index": config.index, "--model": config.model}
    return ["doctor", *(str(word) for pair in named.items() for word in pair), *more]


@pytest.mark.model
def test_where_nothing_is_wrong_it_says_so(
    config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "setpriority", lambda *_: None)
    assert main(["index", *words(config)[1:]]) == 0
    capsys.readouterr()
    assert main(words(config)) == 0
    assert capsys.readouterr().out == "All is well.\n"


@pytest.mark.model
def test_the_first_sentence_is_what_to_act_on_first(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Config(gallery=config.gallery, index=config.index, model=Path("/no/such.tflite"))
    assert main(words(wrong)) == 1
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("first: model /no/such.tflite does not exist;")
    assert [line for line in others if line.startswith("then: No index in ")]
    assert main(words(wrong, "--json")) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert first == f"first: {problems[0]}"


def only(config: Config) -> str:
    (line,) = [*doctor.folder_problems(config), *doctor.device_problems(config)]
    return line


@pytest.mark.model
def test_a_device_without_a_fault_has_none(config: Config) -> None:
    assert [*doctor.folder_problems(config), *doctor.device_problems(config)] == []


@pytest.mark.model
def test_more_folders_than_the_system_watches(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inotify, "_limit", {"fs.inotify.max_user_watches": 1}.get)
    assert "the library has 2 folders" in only(config)
    assert "sudo sysctl fs.inotify.max_user_watches=" in only(config)


@pytest.mark.model
def test_too_little_memory_for_one_photo(config: Config) -> None:
    tight = Config(
        gallery=config.gallery, index=config.index, limits=Limits(decode_memory_bytes=2**50)
    )
    assert "--decode-memory" in only(tight)


@pytest.mark.model
def test_a_clock_that_stopped_in_1970(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 60.0)
    assert "set it (timedatectl set-ntp true)" in only(config)


@pytest.mark.model
def test_an_index_on_a_share_and_folders_that_may_not_be_used(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "mount_of", lambda *_: Mount(1, "0:30", "/mnt", "cifs"))
    assert "is on cifs, a file system whose locks can't be trusted" in only(config)
    monkeypatch.setattr(doctor, "mount_of", lambda *_: None)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    assert "can't be written by this user" in only(config)
    monkeypatch.setattr(os, "access", lambda path, mode: bool(mode & os.W_OK))
    assert f"the photo folder {config.gallery} can't be read" in only(config)


@pytest.mark.model
def test_folders_that_can_not_be_read_and_a_disk_that_is_nearly_full(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk(root: str, onerror: Callable[[OSError], None]) -> Iterator[object]:
        onerror(PermissionError(errno.EACCES, "Permission denied", f"{root}/2024"))
        yield root

    monkeypatch.setattr(doctor, "free_bytes", lambda _: 63 * MiB)
    assert "63 MiB are free where the index folder" in only(config)
    monkeypatch.undo()
    monkeypatch.setattr(os, "walk", walk)
    assert f"this user can't read the folder {config.gallery}/2024; change" in only(config)


@pytest.mark.model
def test_photos_that_need_a_package_and_a_runtime_that_is_slow_with_the_model(
    config: Config,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (config.gallery / "b.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub/pillow_heif.py").write_text("raise ImportError('as if it were not there')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stub"))
    monkeypatch.setattr(os, "setpriority", lambda *_: None)
    assert main(["index", *words(config)[1:]]) == 0
    slow = {(name, "float32", platform.machine()) for name in installed()}
    monkeypatch.setattr("edge_app.model.describe.SLOW", slow)
    capsys.readouterr()
    assert main(words(config)) == 1
    said = capsys.readouterr().out
    assert "runs int8 models several times more slowly" in said
    assert f"1 HEIC photos need an add-on: {install_with('pillow-heif')}" in said
