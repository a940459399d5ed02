"""describe: warns of what makes a model slow; the rest is in test_own_models and test_words."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from edge_app.cli.commands.info import describe
from edge_app.config import Config
from edge_app.model import describe as modelinfo
from edge_app.model.describe import slow_pairing
from tests.model.test_embed import installed


def test_int8_in_the_old_runtime_is_slow_on_x86() -> None:
    warning = slow_pairing("tflite-runtime 2.14.0", "int8", "x86_64")
    assert warning
    assert warning.startswith("tflite-runtime 2.14.0 runs int8 models")
    assert "ai-edge-litert" in warning


@pytest.mark.parametrize(
    ("runtime", "dtype", "machine"),
    [
        ("tflite-runtime 2.14.0", "float32", "x86_64"),
        ("ai-edge-litert 2.3.0", "int8", "x86_64"),
        ("tflite-runtime 2.14.0", "int8", "aarch64"),
    ],
)
def test_nothing_else_is_known_to_be(runtime: str, dtype: str, machine: str) -> None:
    assert slow_pairing(runtime, dtype, machine) is None


@pytest.mark.model
@pytest.mark.parametrize("runtime", installed())
def test_info_tells_of_it_and_of_the_chosen_runtime_only(
    model: Path, tmp_path: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(slow: str) -> bool:
        monkeypatch.setattr(modelinfo, "SLOW", {(slow, "float32", platform.machine())})
        config = Config(tmp_path, tmp_path / "index", model, runtime=runtime)
        return any("more slowly" in line for line in describe(config)["to fix"])

    assert told(runtime)
    assert not told("another runtime")
