"""`lookalike completion`: what it prints makes a shell complete."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_app.cli.arguments import main
from edge_app.cli.options import SHELLS
from edge_app.host import install_with

# What the shell does when the user presses the tab key.
COMPLETE = """
source ./script
COMP_WORDS=({words}); COMP_CWORD={last}; COMP_LINE="${{COMP_WORDS[*]}}"; COMP_POINT=${{#COMP_LINE}}
$(complete -p lookalike | sed "s/.*-F \\([^ ]*\\).*/\\1/")
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(folder: Path, *words: str) -> list[str]:
    code = COMPLETE.format(words=" ".join(words), last=len(words) - 1)
    return subprocess.check_output(["bash", "-c", code], cwd=folder, text=True).split()


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    (tmp_path / "photos").mkdir()
    return tmp_path


def test_bash_completes_commands_options_and_folders(place: Path) -> None:
    assert completed(place, "lookalike", "ser") == ["serve"]
    assert "--passcode-file" in completed(place, "lookalike", "serve", "--pass")
    assert completed(place, "lookalike", "index", "--gallery", "ph") == ["photos"]
    assert completed(place, "lookalike", "bench", "se") == ["search", "serve"]
    assert completed(place, "lookalike", "photos", "--pass") == ["--passcode-file"]  # of serve
    assert completed(place, "lookalike", "search", "--te") == ["--text", "--text-file"]
    told = ["bash", "-c", "source ./script; complete -p lookalike"]
    assert "-o dirnames " in subprocess.check_output(told, cwd=place, text=True)


def test_fish_completes_a_folder_in_the_place_of_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("shtab")
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    assert main(["completion", "fish"]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    (tmp_path / "serious").mkdir()

    def offered(line: str) -> list[str]:
        said = subprocess.check_output(
            ["fish", "-c", f"source ./script; complete -C '{line}'"],
            cwd=tmp_path, text=True, env=os.environ | {"HOME": str(tmp_path)},
        )  # fmt: skip
        return [line.split()[0] for line in said.splitlines()]

    assert offered("lookalike ser") == ["serious/", "serve"]
    assert offered("lookalike serious --pass") == ["--passcode-file"]
    assert offered("lookalike search --pass") == []
    assert offered("lookalike serious --runtime ai") == ["ai-edge-litert"]


def test_zsh_completes_a_folder_in_the_place_of_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("shtab")
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    assert main(["completion", "zsh"]) == 0
    (tmp_path / "_lookalike").write_text(capsys.readouterr().out)
    (tmp_path / "serious").mkdir()

    def offered(*words: str) -> list[str]:
        """What `_arguments` and its like are called with, in the place of a terminal."""
        code = """
        fpath=(. $fpath); words=("$@"); CURRENT=$#
        _arguments() { print -r -- options $@; line=($words[2]); state=lookalike }
        _describe() { print commands }; _files() { print -r -- files $@ }; compdef() { : }
        autoload -Uz _lookalike; _lookalike
        (( $# > 2 )) || _shtab_lookalike_commands
        """
        command = ["zsh", "-fc", code, "zsh", *words]
        return subprocess.check_output(command, cwd=tmp_path, text=True).splitlines()

    assert offered("lookalike", "ser")[-2:] == ["commands", "files -/"]
    assert "--passcode-file" in offered("lookalike", "serious", "--pass")[-1]
    assert "--passcode-file" not in offered("lookalike", "search", "--pass")[-1]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_reads_its_script(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert "passcode" in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", script], check=True)


def test_without_the_package_it_says_which_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    said = capsys.readouterr().err
    assert said == f"error: completion needs a package: {install_with('shtab')}\n"
