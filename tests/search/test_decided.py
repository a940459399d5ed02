"""A script of moves: whatever a file is called, it is moved and nothing else happens."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edge_app.search.alike.decided import AWAY, quoted, script_of_moves

NAMES = (
    "plain.jpg",
    "-rf",
    "it's $(touch owned).jpg",
    'a"b`touch owned`.jpg',
    "new\nline.jpg",
    "2020/a folder/*.jpg",
    "\udcff not UTF-8.jpg",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_moved_below_its_own_folder(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.write_bytes(b"photo")
    except OSError:
        pytest.skip("this file system does not take such a name")
    script = b"".join(script_of_moves([name]))
    subprocess.run(["sh"], input=script, cwd=tmp_path, check=True)
    assert not file.exists()
    assert (tmp_path / AWAY / name).read_bytes() == b"photo"
    assert not (tmp_path / "owned").exists()


def test_a_file_that_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / AWAY).mkdir()
    (tmp_path / AWAY / "one.jpg").write_bytes(b"before")
    (tmp_path / "one.jpg").write_bytes(b"photo")
    script = b"".join(script_of_moves(["one.jpg"]))
    subprocess.run(["sh"], input=script, cwd=tmp_path, check=False)
    assert (tmp_path / AWAY / "one.jpg").read_bytes() == b"before"
    assert (tmp_path / "one.jpg").read_bytes() == b"photo"


def test_a_word_is_quoted_for_a_shell() -> None:
    assert quoted(os.fsencode("it's")) == b"'it'\\''s'"
