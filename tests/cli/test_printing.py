"""printing: what files are called reaches a terminal or a spreadsheet as text only."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import get_args

import pytest

from edge_app.cli.printing import cell, notes
from edge_app.errors import printable
from edge_app.indexing.lost import Away
from edge_app.indexing.plan import IndexReport, Skipped
from edge_app.library.scan import LeftOut
from tests.conftest import ROOT


def test_no_control_character_reaches_a_terminal() -> None:
    controls = [*range(32), 127, *range(128, 160), 0x202E, 0x2028, 0xFEFF]
    for code in controls:
        assert printable(f"a{chr(code)}b.jpg").isprintable(), code
    assert printable("Zoë 東京.jpg") == "Zoë 東京.jpg"


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


def test_what_a_run_did_not_look_at_is_said_with_what_to_do() -> None:
    skipped = [
        Skipped("links", 2, "a\x1b/b"),
        Skipped("marked", 1, "c"),
        Skipped("excluded", 3, "d"),
    ]
    told = list(notes(IndexReport(skipped=skipped, away=[Away("usb", 6)])))
    assert told[0] == "6 of them are on a drive that is not mounted: usb"
    assert told[1].startswith("2 symbolic links to folders are skipped")
    assert told[1].endswith("--follow-links (such as a\\x1b/b)")
    assert ".nomedia" in told[2] and "--exclude (such as d)" in told[3]
    assert list(notes(IndexReport())) == []
    for reason in get_args(LeftOut):
        assert len(list(notes(IndexReport(skipped=[Skipped(reason, 1, "a")])))) == 1
