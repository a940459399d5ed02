"""find: which model is used where none is named."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest

from edge_app.config import Config
from edge_app.model import find
from edge_app.model.find import find_model


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(find, "_runtime", lambda: "ai-edge-litert 2.3.0")
    return tmp_path


def put(folder: Path, name: str, architecture: str = "unknown", dtype: str = "float32") -> Path:
    """A model whose card says this; its SHA-256 is its name."""
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / f"{name}.tflite"
    model.touch()
    card = {"name": name, "input_size_px": 224, "dim": 8, "dtype": dtype, "sha256": sha256(name)}
    model.with_suffix(".json").write_text(json.dumps(card | {"architecture": architecture}))
    return model


def sha256(name: str) -> str:
    return name.encode().hex().ljust(64, "0")


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, **facts: str) -> Path:
    """A package with a model, as `make release` builds them."""
    model = put(folder / name, name, **facts)
    (folder / name / "__init__.py").write_text("raise AssertionError('nothing of it is run')")
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[lookalike.models]\n{name} = {name}\n")
    if str(folder) not in sys.path:
        monkeypatch.syspath_prepend(folder)
    return model


def test_without_any_it_is_the_one_that_would_be_made() -> None:
    assert find_model() == Config().model


def test_the_working_folder_goes_before_packages_and_those_before_the_users_data(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = put(place / "data/lookalike/models", "data")
    assert find_model() == data
    packaged = install(place / "site", monkeypatch, "packaged")
    assert find_model() == packaged
    assert find_model(sha256("none of these")) == packaged
    put(Path("models"), "other")
    assert find_model() == Path("models/other.tflite")
    put(Path("models"), "mobilenet_v2")
    assert find_model() == Path("models/mobilenet_v2.tflite")


def test_wherever_it_is_the_model_of_the_index_is_kept(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = put(place / "data/lookalike/models", "data")
    packaged = install(place / "site", monkeypatch, "packaged")
    default = put(Path("models"), "mobilenet_v2")
    assert find_model(sha256("data")) == data
    assert find_model(sha256("packaged")) == packaged
    assert find_model(sha256("gone")) == default.relative_to(".")


def test_of_several_packages_it_is_the_best_that_runs_fast(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(place / "site", monkeypatch, "small", architecture="mobilenet_v2")
    big = install(place / "site", monkeypatch, "big", architecture="efficientnet_lite2")
    facts = {"architecture": "efficientnet_lite2", "dtype": "int8"}
    rounded = install(place / "site", monkeypatch, "rounded", **facts)
    assert find_model() == rounded
    monkeypatch.setattr(find, "_runtime", lambda: "tflite-runtime 2.14.0")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")  # int8 is slow there
    assert find_model() == big


def test_a_model_without_a_card_that_can_be_read_is_passed_over(place: Path) -> None:
    good = put(place / "data/lookalike/models", "good")
    bad = put(place / "data/lookalike/models", "bad").with_suffix(".json")
    for damage in ("", "{}", "[" * 100_000):
        bad.write_text(damage)
        assert find_model() == good
