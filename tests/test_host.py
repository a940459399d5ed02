"""host: a machine that the packages can't run on is told so, in one line, before any is loaded."""

from __future__ import annotations

import platform
import signal
import struct
import subprocess
import sys
import tomllib
from importlib import util
from pathlib import Path

import pytest

from edge_app import host
from edge_app.__main__ import run
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a fault; its /proc/cpuinfo."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: any\nflags\t\t: fpu sse4_2 avx avx2\n")
    monkeypatch.setattr(host, "CPUINFO", cpuinfo)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    return cpuinfo


def test_here_it_can_run() -> None:
    assert host.fault() is None


@pytest.mark.parametrize(
    ("machine", "said"),
    [("aarch64", "32-bit Python on a 64-bit kernel, "), ("armv7l", "32-bit Python, ")],
)
def test_a_32_bit_python(monkeypatch: pytest.MonkeyPatch, machine: str, said: str) -> None:
    monkeypatch.setattr(struct, "calcsize", lambda _: 4)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert said in (host.fault() or "")


def test_a_processor_without_avx(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good.write_text("flags\t\t: fpu sse4_2 avxless\n")
    assert "no AVX" in (host.fault() or "")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert host.fault() is None
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    good.unlink()
    assert host.fault() is None


def test_another_system_and_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "PYTHON", (99, 1))
    assert "and the program needs 99.1 or later; install one" in (host.fault() or "")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "runs on Linux only" in (host.fault() or "")


def test_the_oldest_python_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={host.PYTHON[0]}.{host.PYTHON[1]}"


def test_a_system_with_musl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "libc", lambda: "musl")
    assert "musl" in (host.fault() or "")


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "PIL" else real(name))
    assert "missing packages: pillow;" in (host.fault() or "")


def test_the_command_says_it_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(struct, "calcsize", lambda _: 4)
    assert run() == 1
    assert capsys.readouterr().err.startswith("error: this is a 32-bit Python")


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("edge_app.host.fault", -signal.SIGINT),  # before anything is loaded
        ("edge_app.cli.hints.parse", -signal.SIGINT),  # before the command is
        ("edge_app.cli.commands.check.check", 130),  # while it runs, and may have to close things
    ],
)
def test_ctrl_c_is_no_traceback_at_any_time(at: str, code: int, tmp_path: Path) -> None:
    module, name = at.rsplit(".", 1)
    program = (
        "import os, signal, sys\n"
        "from edge_app.__main__ import run\n"
        f"import {module} as at\n"
        f"at.{name} = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(run())\n"
    )
    command = [sys.executable, "-c", program, "check", "--index", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, "")


def test_what_is_loaded_before_ctrl_c_is_caught_is_next_to_nothing() -> None:
    """While Python itself starts, Ctrl-C is a traceback; our part in that time is two files."""
    code = "import sys; a = {*sys.modules}; import edge_app.__main__; print(*{*sys.modules} - a)"
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split()
    assert set(loaded) == {"__future__", "edge_app", "edge_app.__main__"}


def test_it_is_asked_before_anything_is_loaded(tmp_path: Path) -> None:
    """In a bare interpreter, which has no package at all."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    done = subprocess.run(
        [venv / "bin/python", "-m", "edge_app", "info"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "missing packages: numpy, pillow, bottle," in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("/home/a/.local/share/pipx/venvs/lookalike", "pipx inject lookalike 'lookalike[heif]'"),
        (
            "/home/a/.local/share/uv/tools/lookalike",
            "uv pip install --python /home/a/.local/share/uv/tools/lookalike 'lookalike[heif]'",
        ),
        ("/opt/no such", "pip install 'lookalike[heif]'"),
        (sys.prefix, f"{sys.prefix}/bin/pip install 'lookalike[heif]'"),
    ],
)
def test_what_is_missing_is_installed_by_what_installed_the_program(
    monkeypatch: pytest.MonkeyPatch, prefix: str, said: str
) -> None:
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(host, "_is_installed", lambda: True)
    assert host.install_with("lookalike[heif]") == said


def test_in_a_checkout_an_extra_is_the_checkouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_is_installed", lambda: False)
    assert host.install_with("lookalike[heif]").endswith("pip install '.[heif]'")
    assert host.install_with("pyarrow").endswith("pip install pyarrow")
