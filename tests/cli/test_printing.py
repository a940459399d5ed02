"""printing: what files are called reaches a terminal or a spreadsheet as text only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from edge_app.cli.arguments import main
from edge_app.cli.printing import cell, notes
from edge_app.errors import printable
from edge_app.index.write.batch import Batch
from edge_app.indexing.lost import Away
from edge_app.indexing.plan import IndexReport, Skipped
from edge_app.library.scan import LeftOut
from tests.conftest import ROOT
from tests.indexes import MODEL, new_image, writer_of


def test_no_control_character_reaches_a_terminal() -> None:
    controls = [*range(32), 127, *range(128, 160), 0x202E, 0x2028, 0xFEFF]
    for code in controls:
        assert printable(f"a{chr(code)}b.jpg").isprintable(), code
    assert printable("Zoë 東京.jpg") == "Zoë 東京.jpg"


@pytest.mark.model
@pytest.mark.parametrize("command", ["check", "info", "doctor"])
def test_what_an_index_and_a_card_say_is_printed_as_text(
    tmp_path: Path, model: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both may come from elsewhere."""
    obeyed = "\x1b]0;obeyed\x07"
    with writer_of(tmp_path, replace(MODEL, name=obeyed)) as writer:
        writer.commit(Batch(images=[new_image(f"{obeyed}.jpg")]))
    thumbs = tmp_path / "index/thumbs-1.bin"
    thumbs.write_bytes(thumbs.read_bytes()[:4096].ljust(9999, b"x"))
    mine = tmp_path / "m.tflite"
    mine.symlink_to(model.absolute())
    card = json.loads(model.with_suffix(".json").read_bytes())
    mine.with_suffix(".json").write_text(json.dumps(card | {"name": obeyed, "weights": obeyed}))
    options = ["--index", str(tmp_path / "index")]
    main([command, *options, *(["--model", str(mine)] if command != "check" else [])])
    told = "".join(capsys.readouterr())
    assert not {"\x1b", "\x07"} & set(told)
    assert "\\x1b]0;obeyed\\x07" in told


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
