"""trial: a model that was not run here before is run by a process of its own first."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_app.cli.arguments import main
from edge_app.errors import DelegateError, ModelError
from edge_app.model import trial
from edge_app.model.embed import Embedder
from edge_app.model.runtime import Delegate, Runtime
from tests.model.test_embed import installed
from tests.model.test_runtime import stub  # noqa: F401
from tools.testing.pictures import save

pytestmark = pytest.mark.model

CRASHING = (9, 18)  # seeds of `damaged` that end tflite-runtime 2.14.0 on x86 with SIGSEGV


@pytest.fixture(autouse=True)
def nothing_run_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/lookalike/models-run"


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """The commands of the processes that were started."""
    started: list[list[str]] = []
    run = subprocess.run

    def note(command: list[str], **how: Any) -> Any:
        started.append(command)
        return run(command, **how)

    monkeypatch.setattr(subprocess, "run", note)
    yield started


def damaged(model: Path, seed: int, folder: Path) -> Path:
    """The model with one to three other bytes in its structure, and a card that fits."""
    chance, content = random.Random(seed), bytearray(model.read_bytes())
    for _ in range(chance.randint(1, 3)):
        value = chance.choice([0, 255, 127, chance.randrange(256)])
        content[len(content) - 1 - chance.randrange(40000)] = value
    path = folder / f"damaged-{seed}.tflite"
    path.write_bytes(content)
    card = json.loads(model.with_suffix(".json").read_text())
    card["sha256"] = hashlib.sha256(content).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("runtime", installed())
def test_no_damaged_model_ends_the_process_that_loads_it(
    model: Path, tmp_path: Path, runtime: str
) -> None:
    """It is run, refused with a reason, or said to crash; this process goes on to the next."""
    outcomes = {"run": 0, "refused": 0, "crashes": 0}
    seeds = [*range(4), *CRASHING]
    for seed in seeds:
        try:
            Embedder(damaged(model, seed, tmp_path), threads=1, runtime=runtime)
            outcomes["run"] += 1
        except ModelError as error:
            outcomes["crashes" if "crashes" in str(error) else "refused"] += 1
    assert sum(outcomes.values()) == len(seeds)
    if runtime == "tflite-runtime":
        assert outcomes["crashes"] == len(CRASHING)


@pytest.mark.skipif("tflite-runtime" not in installed(), reason="needs tflite-runtime")
@pytest.mark.parametrize("seed", CRASHING)
def test_a_crash_is_one_line_of_each_command(
    model: Path, tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "library/0.png", 0)
    path = damaged(model, seed, tmp_path)
    options = ["--gallery", tmp_path / "library", "--index", tmp_path / "index", "--model", path]
    options += ["--runtime", "tflite-runtime"]
    assert main(["index", *map(str, options)]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert f"model {path} crashes tflite-runtime" in line
    assert "(SIGSEGV)" in line
    assert main(["info", *map(str, options)]) == 0
    said = [line for line in capfd.readouterr().out.splitlines() if "crashes" in line]
    assert len(said) == 1
    assert said[0].startswith("to fix: ")


def test_a_model_is_tried_once_and_never_again(
    model: Path, children: list[list[str]], nothing_run_yet: Path, tmp_path: Path
) -> None:
    for _ in range(3):
        Embedder(model, threads=2)
    assert len(children) == 1
    assert len(nothing_run_yet.read_text().splitlines()) == 1
    other = tmp_path / "other.tflite"
    other.write_bytes(model.read_bytes() + b"\0")  # trailing bytes are another file
    Runtime().interpreter(other.read_bytes())
    assert len(children) == 2
    assert len(nothing_run_yet.read_text().splitlines()) == 2


def test_a_model_that_was_refused_is_tried_again(
    model: Path, children: list[list[str]], nothing_run_yet: Path
) -> None:
    for _ in range(2):
        with pytest.raises((ValueError, RuntimeError)):
            Runtime().interpreter(model.read_bytes()[:1000])
    assert len(children) == 2
    assert not nothing_run_yet.exists()


def test_without_a_place_to_remember_it_is_tried_each_time(
    model: Path, children: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    for _ in range(2):
        Runtime().interpreter(model.read_bytes())
    assert len(children) == 2


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-signal.SIGABRT, r"crashes \S+ \S+ \(SIGABRT\): the file is damaged; get it again"),
        (-signal.SIGKILL, "probably because memory ran out"),
    ],
)
def test_the_signal_that_ended_it_is_told(
    model: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    ended = subprocess.CompletedProcess[bytes]([], code)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(ModelError, match=rf"^model {model} .*{said}"):
        Embedder(model)


def test_a_model_that_never_answers_is_given_up(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "TRIAL_S", 0.01)
    with pytest.raises(ModelError, match="does not answer within"):
        Embedder(model)


@pytest.mark.parametrize("runtime", installed())
def test_a_delegate_that_crashes_is_named_and_an_optional_one_is_left_out(
    model: Path,
    stub: Path,  # noqa: F811
    runtime: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = f"{stub}:crash=1"
    with pytest.raises(DelegateError, match=r"stub.so can't run the model, which crashes"):
        Embedder(model, runtime=runtime, delegate=Delegate.parse(text))
    with caplog.at_level(logging.WARNING):
        embedder = Embedder(model, runtime=runtime, delegate=Delegate.parse(text, optional=True))
    assert "with" not in embedder.runtime
    assert "the processor is used instead" in caplog.text
