""".github/workflows: what can be told of them here; nothing of them runs on this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.repo.test_deploy import said_by, tool
from tests.repo.test_wheels import PYTHONS

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_finds_no_fault(workflow: Path) -> None:
    if shutil.which("actionlint") is None:
        pytest.skip("actionlint is not installed")
    subprocess.run(["actionlint", workflow], check=True)


def test_the_workflows_are_what_github_reads_and_have_no_known_hole() -> None:
    said_by(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    said_by(tool("zizmor"), "--offline", "--no-progress", ROOT / ".github/workflows")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_step_makes_the_makefile_knows(workflow: Path) -> None:
    commands = [line for step in steps(workflow) for line in step.get("run", "").splitlines()]
    made = [line.split()[1:] for line in commands if line.startswith("make ")]
    assert made
    for target, *settings in made:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target
        for setting in settings:
            assert re.search(rf"^{setting.split('=')[0]} +\?=", MAKEFILE, re.MULTILINE), setting


def test_tests_run_on_the_first_and_the_last_python_and_on_both_architectures() -> None:
    (workflow,) = [path for path in WORKFLOWS if path.name == "tests.yml"]
    matrix = yaml.safe_load(workflow.read_text())["jobs"]["test"]["strategy"]["matrix"]
    assert {PYTHONS[0], PYTHONS[-1]} <= set(matrix["python"]) <= set(PYTHONS)
    assert len([name for name in matrix["os"] if name.endswith("-arm")]) == 1
    assert len(matrix["os"]) == 2
