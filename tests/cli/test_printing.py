"""printing: what files are called reaches a terminal or a spreadsheet as text only."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edge_app.cli.printing import cell, shown
from tests.conftest import ROOT


def test_no_control_character_reaches_a_terminal() -> None:
    controls = [*range(32), 127, *range(128, 160), 0x202E, 0x2028, 0xFEFF]
    for code in controls:
        assert shown(f"a{chr(code)}b.jpg").isprintable(), code
    assert shown("Zoë 東京.jpg") == "Zoë 東京.jpg"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_a_formula(start: str) -> None:
    assert cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert cell("a=b.jpg") == "a=b.jpg"


def test_a_latin_1_terminal_shows_other_names_without_a_traceback() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "edge_app", "check", "--index", "/nowhere/東京"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert "Traceback" not in run.stderr
    assert "\\u6771" in run.stderr
