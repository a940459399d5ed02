"""attacks, soak: short runs of both programs, which end well and tell what they saw."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks.load.servers import ROOT

pytestmark = [pytest.mark.model, pytest.mark.slow]


def run(module: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_ordinary_visitor_is_answered_beside_two_hostile_clients() -> None:
    only = ("searches", "holding", "passcodes")
    told = run("benchmarks.load.attacks", "--rows", "300", "--seconds", "2", "--only", *only)
    rows = [line for line in told.splitlines() if re.search(r" \d+ of \d+ ", line)]
    assert len(rows) == 1 + len(only)
    for row in rows:
        answered, asked = map(int, re.findall(r"(\d+) of (\d+)", row)[0])
        assert answered == asked > 0, row


def test_a_short_soak_finds_nothing_wrong() -> None:
    told = run("benchmarks.load.soak", "--seconds", "10")
    assert told.endswith("0 wrong\n")
    compared = re.search(r"(\d+) compared with a brute force", told)
    assert compared
    assert int(compared[1]) > 0
