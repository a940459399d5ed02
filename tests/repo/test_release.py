"""tools.release: what `make release` writes, installed where there is no checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from edge_app import VERSION
from tools.release import models_in, release
from tools.testing.command import Command, serving
from tools.testing.pictures import save
from tools.testing.waiting import PROGRAM_S, until

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("dist")
    release(folder, [model])
    return folder


class Device:
    """A user of a device who has nothing but the files of a release, and photos."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        venv = home / "tools/lookalike"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        (packages,) = venv.glob("lib/python*/site-packages")
        # What a network would bring is borrowed from the environment of the tests.
        (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
        self.venv, self.command = venv, venv / "bin/lookalike"

    def pip(self, *words: object) -> None:
        pip = [sys.executable, "-m", "pip", "--python", str(self.venv / "bin/python")]
        command = [*pip, *map(str, words)]
        subprocess.run(command, check=True, timeout=PROGRAM_S, stdout=subprocess.DEVNULL)

    def serving(self, folder: str) -> AbstractContextManager[Command]:
        return serving([self.command, folder], self.home, self.environment)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    for seed in range(3):
        save(tmp_path / f"Pictures/{seed}.jpg", seed)
    return Device(tmp_path)


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_same_inputs_give_the_same_bytes(dist: Path, model: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        release(tmp_path, [model])
    finally:
        os.umask(before)
    assert files_of(tmp_path) == files_of(dist)
    assert len(files_of(dist)) == 3
    for path in dist.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_a_models_wheel_has_its_card_licence_and_source(dist: Path, model: Path) -> None:
    (path,) = dist.glob("lookalike_model_*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if name.endswith((".tflite", ".json"))]
        assert [Path(name).name for name in sorted(names)] == [
            "mobilenet_v2.json", "mobilenet_v2.tflite",
        ]  # fmt: skip
        (content,) = [wheel.read(name) for name in names if name.endswith(".tflite")]
        assert content == model.read_bytes()
        (metadata,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
        said = wheel.read(metadata).decode()
    assert "License-Expression: MIT" in said
    assert "Weights: MobileNetV2 1.0" in said


def test_the_sdist_builds_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # 3.11.4 has it
        archive.extractall(tmp_path, **safe)  # type: ignore[arg-type]
    (source,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    built = tmp_path / "built"
    subprocess.run([*pip, "--wheel-dir", built, source], check=True, timeout=PROGRAM_S)

    def content(wheel: Path) -> dict[str, bytes]:
        with zipfile.ZipFile(wheel) as files:
            return {name: files.read(name) for name in files.namelist() if "RECORD" not in name}

    (again,), (first,) = built.glob("*.whl"), dist.glob("lookalike-*.whl")
    assert content(again) == content(first)
    assert any(name.endswith("share/man/man1/lookalike.1") for name in content(first))


def test_an_earlier_release_is_replaced(tmp_path: Path, model: Path) -> None:
    pytest.importorskip("setuptools", minversion="77")
    (tmp_path / "lookalike-0.9.0-py3-none-any.whl").touch()
    (tmp_path / "lookalike_model_old-0.9.0-py3-none-any.whl").touch()
    (tmp_path / "notes.txt").touch()
    built = release(tmp_path, [])
    assert files_of(tmp_path) == sorted([*(path.name for path in built), "notes.txt"])
    assert {path.name.split("-")[1].removesuffix(".tar.gz") for path in built} == {VERSION}


def test_models_are_those_with_a_card(tmp_path: Path) -> None:
    for name in ("a.tflite", "a.json", "b.tflite", "c.json"):
        (tmp_path / name).touch()
    assert models_in(tmp_path) == [tmp_path / "a.tflite"]


@pytest.mark.slow
def test_two_wheels_and_a_folder_are_a_gallery_and_an_upgrade_keeps_it(
    dist: Path, device: Device
) -> None:
    device.pip("install", "--no-deps", *dist.glob("*.whl"))
    with device.serving("Pictures") as site:
        until(lambda: site.get("api/status")["indexing"]["state"] == "idle", PROGRAM_S)
        status = site.get("api/status")
        assert status["images"] == 3
        assert status["model"]["name"] == "mobilenet_v2"
        assert len(site.get("api/images/1/similar")["items"]) == 2
    before = {path: path.stat().st_mtime_ns for path in device.home.rglob("vectors-*")}
    assert len(before) == 1

    device.pip("install", "--no-deps", "--force-reinstall", *dist.glob("lookalike-*.whl"))
    with device.serving("Pictures") as site:
        until(lambda: site.get("api/status")["indexing"]["state"] == "idle", PROGRAM_S)
        assert site.get("api/status")["images"] == 3
    assert before == {path: path.stat().st_mtime_ns for path in device.home.rglob("vectors-*")}

    device.pip("uninstall", "--yes", "lookalike", "lookalike-model-mobilenet-v2")
    assert not device.command.exists()
    left = [path for path in device.venv.rglob("*lookalike*") if "__pycache__" not in path.parts]
    assert left == []
    shutil.rmtree(device.venv.parent)
    assert files_of(device.home) == [".cache", ".local", "Pictures"]
    assert files_of(device.home / ".cache") == ["lookalike"]
    assert files_of(device.home / ".local/state") == ["lookalike"]
    assert len(files_of(device.home / ".local/state/lookalike")) == 1
