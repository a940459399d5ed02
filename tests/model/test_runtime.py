"""runtime: delegates are loaded with their options, and what happens where they can't be."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge_app.cli.commands.info import describe
from edge_app.config import Config
from edge_app.errors import DelegateError, UsageError
from edge_app.indexing.process import start_index
from edge_app.model.embed import Embedder
from edge_app.model.runtime import Delegate
from tests.model.test_embed import installed, pixels
from tools.testing.pictures import save


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delegate library, made of delegate.c."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not there to make a delegate with")
    library = tmp_path_factory.mktemp("delegate") / "stub.so"
    source = Path(__file__).parent / "delegate.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the stub says what it was asked for."""
    return tmp_path / "delegate.log"


# --- what the option says -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "library", "options"),
    [
        ("libedgetpu.so.1", "libedgetpu.so.1", {}),
        ("gpu.so:", "gpu.so", {}),
        ("gpu.so:device=usb:0,precision=fp16", "gpu.so", {"device": "usb:0", "precision": "fp16"}),
        ("gpu.so:cache=", "gpu.so", {"cache": ""}),
    ],
)
def test_a_library_and_its_options(text: str, library: str, options: dict[str, str]) -> None:
    assert Delegate.parse(text) == Delegate(library, options)


@pytest.mark.parametrize("text", ["", ":a=b", "gpu.so:fast", "gpu.so:=1", "gpu.so:a=b,c"])
def test_what_is_no_option_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="--delegate"):
        Delegate.parse(text)


# --- a delegate that works ------------------------------------------------------------------------


@pytest.mark.model
@pytest.mark.parametrize("runtime", installed())
def test_a_delegate_is_loaded_with_its_options(
    model: Path, stub: Path, log: Path, runtime: str
) -> None:
    options = {"log": str(log), "device": "usb:0"}
    embedder = Embedder(model, runtime=runtime, delegate=Delegate(str(stub), options))
    # A model that has not been run with it before is run by another process first.
    assert set(log.read_text().splitlines()) == {f"log={log} device=usb:0 "}
    assert embedder.runtime.endswith(" with stub.so")
    alone = Embedder(model, runtime=runtime)
    assert np.allclose(embedder.embed(pixels(2)), alone.embed(pixels(2)), atol=1e-6)


@pytest.mark.model
def test_the_indexing_process_gets_the_delegate(
    model: Path, stub: Path, log: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    save(library / "0.png", 0)
    config = Config(library, tmp_path / "index", model, delegate=f"{stub}:log={log}")
    with start_index(config) as process:
        assert process.stdout
        last = process.stdout.readlines()[-1]
    assert json.loads(last)["added"] == 1
    assert set(log.read_text().splitlines()) == {f"log={log} "}


# --- a delegate that does not ---------------------------------------------------------------------


@pytest.fixture(params=["none", "text", "another library", "fails", "refuses"])
def broken(request: pytest.FixtureRequest, stub: Path, tmp_path: Path) -> tuple[str, str]:
    """A --delegate that can't be used, and what is said of it."""
    text = tmp_path / "text.so"
    text.write_text("no library")
    cases = {
        "none": (f"{tmp_path}/none.so", "none.so can't be loaded: cannot open shared object file"),
        "text": (str(text), "text.so can't be loaded: file too short"),
        "another library": ("libc.so.6", "libc.so.6 can't be loaded: it is not a TFLite delegate"),
        "fails": (f"{stub}:fail=no device", "stub.so can't be loaded: no device"),
        "refuses": (f"{stub}:refuse=1", "stub.so can't run the model"),
    }
    return cases[request.param]


@pytest.mark.model
@pytest.mark.parametrize("runtime", installed())
def test_a_broken_delegate_is_named_with_the_reason(
    model: Path, broken: tuple[str, str], runtime: str, capfd: pytest.CaptureFixture[str]
) -> None:
    text, said = broken
    with pytest.raises(DelegateError, match=rf"^delegate .*{said}.*--delegate-optional"):
        Embedder(model, runtime=runtime, delegate=Delegate.parse(text))
    assert capfd.readouterr().err == ""


@pytest.mark.model
@pytest.mark.parametrize("runtime", installed())
def test_an_optional_one_leaves_the_work_to_the_processor_and_says_so(
    model: Path, broken: tuple[str, str], runtime: str, caplog: pytest.LogCaptureFixture
) -> None:
    text, said = broken
    with caplog.at_level(logging.WARNING):
        embedder = Embedder(model, runtime=runtime, delegate=Delegate.parse(text, optional=True))
    assert len(embedder.embed(pixels(2))) == 2
    assert embedder.runtime.startswith(runtime)
    assert "with" not in embedder.runtime
    (line,) = caplog.messages
    assert said in line
    assert "the processor is used instead" in line


@pytest.mark.model
def test_info_says_which_delegate_is_not_at_work(model: Path, tmp_path: Path) -> None:
    config = Config(tmp_path, tmp_path / "index", model, delegate="none.so")
    (line, *_) = describe(config)["to fix"]
    assert line.startswith("delegate none.so can't be loaded")
    facts = describe(
        Config(tmp_path, tmp_path / "index", model, delegate="none.so", delegate_optional=True)
    )
    assert facts["to fix"][0].endswith("the processor is used instead")
    assert facts["model"]["dim"] == 1280
