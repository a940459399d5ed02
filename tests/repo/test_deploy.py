"""deploy/: the service unit, the installer and the container, as far as they run without either."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml

from edge_app.api.routes import make_app
from edge_app.cli.arguments import make_parser
from edge_app.config import Config
from edge_app.indexing.watch import Watcher
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery
from tests.conftest import ROOT
from tests.serving import Site, serving
from tools.testing.waiting import PROGRAM_S

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "lookalike.service"
README = (DEPLOY / "README.md").read_text()


def tool(name: str) -> str:
    """A program that tests/requirements.txt or the system brings."""
    path = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def said_by(*command: str | Path) -> str:
    """What a program that must succeed prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    config = Config(gallery=tmp_path / "photos", index=tmp_path / "index", port=0)
    gallery = Gallery(config)
    watcher = Watcher(config, watch=False)
    with serving(make_app(gallery, watcher, Review(gallery.reader)), config) as site:
        yield site
    gallery.close()


# --- the service ---------------------------------------------------------------------------------


def unit_values() -> dict[str, str]:
    lines = UNIT.read_text().replace("\\\n", " ").splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))


def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    systemd = tool("systemd-analyze")
    copy = tmp_path / UNIT.name  # it also looks whether the program is there
    copy.write_text(UNIT.read_text().replace("/opt/lookalike/bin/lookalike", sys.executable))
    assert said_by(systemd, "verify", copy) == ""


def test_systemd_finds_no_fault_with_the_unit_of_a_user(tmp_path: Path) -> None:
    systemd = tool("systemd-analyze")
    (unit,) = re.findall(r"```ini\n(\[Unit\].*?)```", README, re.DOTALL)
    program, *words = shlex.split(re.findall(r"ExecStart=(.*)", unit)[0])
    assert program == "%h/.local/bin/lookalike"
    assert make_parser().parse_args(["serve", "--gallery", *words]).lan
    (tmp_path / UNIT.name).write_text(unit.replace(program, sys.executable))
    assert said_by(systemd, "verify", tmp_path / UNIT.name) == ""


def test_the_unit_is_as_confined_as_the_readme_says() -> None:
    said = said_by(tool("systemd-analyze"), "security", "--offline=true", "--no-pager", UNIT)
    score = re.search(r"exposure level for lookalike.service: ([\d.]+)", said)
    stated = re.search(r"exposure level is ([\d.]+)", README)
    assert score and stated
    assert score[1] == stated[1]


def test_the_unit_writes_to_its_index_only() -> None:
    unit = unit_values()
    assert (unit["DynamicUser"], unit["ProtectSystem"]) == ("yes", "strict")
    assert not {"ReadWritePaths", "BindPaths", "PrivateMounts"} & unit.keys()
    assert "--index ${STATE_DIRECTORY}" in unit["ExecStart"]
    assert 'ReadOnlyPaths="-$photos"' in (DEPLOY / "install.sh").read_text()


@pytest.mark.parametrize("options", ["", "--lan", "--lan --passcode-file /run/x --access-log"])
def test_the_unit_starts_a_command_that_exists(options: str) -> None:
    values = {"GALLERY": "/srv/photos", "STATE_DIRECTORY": "/var/lib/x", "OPTIONS": options}
    words = shlex.split(Template(unit_values()["ExecStart"]).substitute(values))
    parsed = make_parser().parse_args(words[1:])
    assert (parsed.galleries, parsed.index) == (["/srv/photos"], Path("/var/lib/x"))


@pytest.mark.parametrize("script", sorted(DEPLOY.glob("*.sh")), ids=lambda path: path.name)
def test_the_scripts_are_clean(script: Path) -> None:
    assert said_by(tool("shellcheck"), script) == ""


def test_the_installer_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    script = Path(shutil.copy(DEPLOY / "install.sh", tmp_path / "deploy"))

    def refused(*arguments: object) -> str:
        done = subprocess.run(
            [script, *map(str, arguments)], stderr=subprocess.PIPE, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        return done.stderr

    assert "give the folder with the photos" in refused()
    if "only root" not in refused(tmp_path / "none"):
        assert f"{tmp_path}/none is not a folder" in refused(tmp_path / "none")
        assert "dist/lookalike-*.whl is not there" in refused(tmp_path)


# --- the container -------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """Instruction and arguments of every line of the Dockerfile."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in lines]


def last(instruction: str) -> str:
    return [arguments for name, arguments in instructions() if name == instruction][-1]


def test_hadolint_finds_no_fault_with_the_dockerfile() -> None:
    assert said_by(tool("hadolint"), DEPLOY / "Dockerfile") == ""


def test_everything_the_image_is_made_of_is_sent_to_the_builder() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        source
        for name, arguments in instructions()
        if name == "COPY" and "--from" not in arguments
        for source in arguments.split()[:-1]
    }
    assert copied == sent


def test_the_image_runs_a_command_that_exists_as_nobody_in_particular() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["/opt/lookalike/bin/lookalike"]
    parsed = make_parser().parse_args(json.loads(last("CMD")))
    assert (parsed.host, parsed.port, str(parsed.index)) == ("0.0.0.0", 5000, last("VOLUME"))
    assert last("USER") == "10001:10001"


def test_the_health_check_tells_a_server_that_is_well_from_one_that_is_not(site: Site) -> None:
    check = json.loads(last("HEALTHCHECK").split("CMD ", 1)[1])

    def healthy(port: int) -> bool:
        words = [sys.executable, *(word.replace(":5000/", f":{port}/") for word in check[1:])]
        return subprocess.run(words, stderr=subprocess.DEVNULL, timeout=30).returncode == 0

    assert healthy(site.port)
    assert not healthy(1)  # nobody listens there


def test_the_container_may_write_to_its_index_and_nothing_else() -> None:
    file = DEPLOY / "compose.yaml"
    said_by(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", file)
    compose: dict[str, Any] = yaml.safe_load(file.read_text())
    gallery = compose["services"]["gallery"]
    assert gallery["read_only"] is True
    assert gallery["cap_drop"] == ["ALL"]
    assert gallery["security_opt"] == ["no-new-privileges:true"]
    writable = [volume for volume in gallery["volumes"] if not volume.endswith(":ro")]
    assert writable == [f"index:{last('VOLUME')}"]
    assert (DEPLOY / gallery["build"]["context"] / gallery["build"]["dockerfile"]).is_file()
