"""state: which model answers, and which one is about to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_app.api.state import ModelState, model_state
from edge_app.config import Config
from edge_app.model.card import ModelCard

CARD = {"name": "new", "input_size_px": 96, "dim": 8, "dtype": "float32", "sha256": "a" * 64}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Settings with a model that has a card."""
    model = tmp_path / "new.tflite"
    model.touch()
    model.with_suffix(".json").write_text(json.dumps(CARD | {"weights": "made up"}))
    return Config(model=model)


def names(state: ModelState) -> tuple[str | None, ...]:
    """Of the one that answers, and of the one that is about to."""
    return tuple(model.name if model else None for model in (state.answering, state.next))


def test_before_there_is_an_index_it_is_the_one_that_is_configured(config: Config) -> None:
    state = model_state(config, None)
    assert names(state) == ("new", None)
    assert state.answering and state.answering.weights == "made up"


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_its_own_index_changes_nothing(config: Config, dtype: str) -> None:
    config.model.with_suffix(".json").write_text(json.dumps(CARD | {"dtype": dtype}))
    identity = ModelCard.load(config.model).identity("another runtime 1.0")
    assert names(model_state(config, identity)) == ("new", None)


@pytest.mark.parametrize("changed", [{"sha256": "b" * 64}, {"mean": 127.5}], ids=str)
def test_the_index_of_another_model_answers_until_it_is_replaced(
    config: Config, changed: dict[str, object]
) -> None:
    old = config.model.with_name("old.tflite")
    old.touch()
    old.with_suffix(".json").write_text(json.dumps(CARD | {"name": "old", **changed}))
    state = model_state(config, ModelCard.load(old).identity("any"))
    assert names(state) == ("old", "new")
    assert state.error is None


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    state = model_state(Config(model=tmp_path / "none.tflite"), None)
    assert names(state) == (None, None)
    assert state.error and "none.tflite does not exist" in state.error
