"""The package: what `pip install .` puts where, and that it works away from the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from edge_app import VERSION
from tests.conftest import ROOT
from tests.fakes import save
from tests.pins import edge_pins
from tests.waiting import PATIENCE_S

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {pin for pins in PROJECT["optional-dependencies"].values() for pin in pins}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from a copy: a build leaves its traces behind."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements-edge.txt"):
        shutil.copy(ROOT / name, folder)
    for name in ("edge_app", "static"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(folder)], check=True, timeout=PATIENCE_S)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`lookalike` in a fresh environment that borrows the dependencies of this one."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python")]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", str(wheel)], check=True, timeout=PATIENCE_S
    )
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin/lookalike"


def test_the_wheel_holds_the_whole_page_and_no_photo(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "/static/" in name}
    page = [path for path in (ROOT / "static").rglob("*") if path.is_file()]
    wanted = {f"edge_app/{path.relative_to(ROOT)}" for path in page if "images" not in path.parts}
    assert names == wanted


def test_the_wheel_needs_what_the_device_is_tested_with(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(archive.read(name).decode())
    needed = metadata.get_all("Requires-Dist") or []
    pins = [pin for pin in edge_pins() if not pin.extra]
    assert metadata["Version"] == VERSION
    assert {line.partition(";")[0] for line in needed if "extra ==" not in line} == {
        pin.requirement for pin in pins
    }
    assert {
        line.partition("; ")[2] for line in needed if ";" in line and "extra ==" not in line
    } == {pin.marker for pin in pins if pin.marker}


def test_the_extras_are_those_of_the_requirements() -> None:
    assert {pin.requirement for pin in edge_pins() if pin.extra} == EXTRAS


def test_tests_run_with_the_extras_that_the_package_offers() -> None:
    pins = (ROOT / "tests/requirements.txt").read_text().splitlines()
    assert set(pins) >= EXTRAS


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == VERSION


def test_the_command_says_its_name_and_version(command: Path, tmp_path: Path) -> None:
    def said(*arguments: str) -> str:
        return subprocess.check_output([command, *arguments], cwd=tmp_path, text=True)

    assert said("--version") == f"lookalike {VERSION}\n"
    assert said("--help").startswith("usage: lookalike ")


@pytest.mark.model
def test_installed_it_indexes_and_serves_away_from_the_checkout(
    command: Path, model: Path, tmp_path: Path
) -> None:
    save(tmp_path / "photos/a.jpg", 1)
    options = ["--gallery", "photos", "--index", "index", "--model", str(model), "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        [command, "serve", *options, "--head-start", "60"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout
            url = server.stdout.readline().split()[-1]

            def fetched(path: str) -> bytes:
                with urllib.request.urlopen(url + path, timeout=PATIENCE_S) as answer:
                    body: bytes = answer.read()
                    return body

            assert fetched("") == (ROOT / "static/index.html").read_bytes()
            assert fetched("js/main.js") == (ROOT / "static/js/main.js").read_bytes()
            assert b'"images":1,' in fetched("api/status")
        finally:
            server.terminate()
        assert server.wait(PATIENCE_S) == 0
