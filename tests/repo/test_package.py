"""The package: what `pip install .` puts where, and that it works away from the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from edge_app import VERSION
from tests.conftest import ROOT
from tests.pins import edge_pins
from tools.release import build_package
from tools.testing.command import serving
from tools.testing.pictures import save
from tools.testing.waiting import PROGRAM_S

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

SCRIPT = """import edge_app

with edge_app.Index("index", library="photos", model="m.tflite") as index:
    report: edge_app.IndexReport = index.update(on_progress=print)
    hits: list[edge_app.Hit] = index.similar("a.jpg", k=5, folder="2024")
    for hit in hits:
        print(hit.score + 1.0, hit.image.path.upper())
    ids, vectors = index.vectors()
    print(ids.shape, vectors.dtype, index.embed("b.jpg").sum())
try:
    edge_app.Index("index").check(repair=True)
except edge_app.EdgeAppError as error:
    print(error.exit_code)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("release")
    build_package(folder / "work", folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`lookalike` in a fresh environment that borrows the dependencies of this one."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python")]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", str(wheel)], check=True, timeout=PROGRAM_S
    )
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin/lookalike"


def test_the_wheel_holds_the_whole_page_and_no_photo(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "/static/" in name}
    page = [path for path in (ROOT / "static").rglob("*") if path.is_file()]
    wanted = {f"edge_app/{path.relative_to(ROOT)}" for path in page if "images" not in path.parts}
    assert names == wanted


def test_every_tested_version_is_in_the_range_that_the_package_allows() -> None:
    extras = PROJECT["optional-dependencies"]
    ranges = [*PROJECT["dependencies"], *(one for name in extras for one in extras[name])]
    allowed: dict[str, list[Requirement]] = {}
    for one in map(Requirement, ranges):
        allowed.setdefault(one.name, []).append(one)
    pins = edge_pins()
    assert {pin.name for pin in pins} == allowed.keys() - {"lookalike"}
    for pin in pins:
        wheres = [
            one
            for one in allowed[pin.name]
            if _marker(str(one.marker or "")) == _marker(pin.marker)
        ]
        assert [one for one in wheres if one.specifier.contains(pin.version)], pin


def _marker(text: str) -> str:
    return str(Marker(text)) if text else ""


def test_tests_run_with_the_extras_that_the_package_offers() -> None:
    lines = (ROOT / "tests/requirements.txt").read_text().splitlines()
    pins = [re.split("[;#]", line)[0].strip() for line in lines]
    assert {pin.requirement for pin in edge_pins() if pin.extra} <= set(pins)


def test_a_script_that_uses_the_installed_package_passes_strict_type_checks(
    command: Path, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable"]
    checked = subprocess.run(
        [*mypy, str(command.parent / "python"), "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
    )
    assert checked.returncode == 0, checked.stdout
    (tmp_path / "script.py").write_text(SCRIPT + "hits[0].image.no_such_field\n")
    wrong = subprocess.run(
        [*mypy, str(command.parent / "python"), "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
    )
    assert "no_such_field" in wrong.stdout, "types are seen at all"


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
    options = ["--gallery", "photos", "--index", "index", "--model", str(model)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words: list[str | Path] = [command, "serve", *options, "--head-start", "600"]
    with serving(words, tmp_path, environment) as site:
        assert site.fetched("") == (ROOT / "static/index.html").read_bytes()
        assert site.fetched("js/main.js") == (ROOT / "static/js/main.js").read_bytes()
        assert site.get("api/status")["images"] == 1
