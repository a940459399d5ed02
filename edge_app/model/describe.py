"""What `info` tells of a model: its file, its card, what is wrong, and a card that would fit."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge_app import memory
from edge_app.config import Config, MiB
from edge_app.errors import EdgeAppError, ModelError
from edge_app.model.card import ModelCard
from edge_app.model.cost import Cost, image_cost, text_cost
from edge_app.model.embed import Embedder
from edge_app.model.file import ModelFile, failures_named, read_model
from edge_app.model.runtime import Delegate, Runtime
from edge_app.model.text import TextTower
from edge_app.model.words import Words

# Runtime, dtype and machine, from docs/models.md: six to nine times as long as float32, where
# ai-edge-litert is faster with int8. On ARM tflite-runtime has other kernels, not measured yet.
SLOW = {("tflite-runtime", "int8", "x86_64")}

SCALING = (
    "mean and std can't be read from the model file; write into the card what the model "
    "was trained with: 127.5 and 127.5 for pixels from -1 to 1; 0 and 255 for 0 to 1; "
    "[123.675, 116.28, 103.53] and [58.395, 57.12, 57.375] for torchvision; 0 and 1 "
    "where the model scales pixels itself"
)


@dataclass(slots=True)
class ModelInfo:
    """A model, ready to embed if it can be used."""

    embedder: Embedder | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def describe_model(config: Config) -> ModelInfo:
    """The model of these settings."""
    found = ModelInfo(facts={"file": str(config.model)})
    available_bytes, before_bytes = memory.available_bytes(), memory.resident_bytes()
    try:
        embedder = Embedder.of(config)
    except EdgeAppError as error:
        found.problems.append(str(error))
        if os.path.isfile(config.model):
            _describe_file(config, found)
        return found
    found.embedder = embedder
    found.facts |= _tensors(embedder.file) | asdict(embedder.card)
    found.problems += _shortcomings(config, embedder)
    cost = image_cost(embedder, max(0, memory.resident_bytes() - before_bytes))
    _add_cost(cost, available_bytes, found)
    if embedder.card.text:
        available_bytes = memory.available_bytes()
        tower = TextTower(config.model, config.runtime)
        try:
            _add_cost(text_cost(tower), available_bytes, found)
        except EdgeAppError as error:
            found.problems.append(str(error))
        finally:
            tower.close()
    return found


def _add_cost(cost: Cost, available_bytes: int, found: ModelInfo) -> None:
    name = "ms a photo" if cost.tower == "image" else "ms a text"
    found.facts[name] = round(cost.seconds * 1000, 1)
    found.facts[f"{cost.tower} tower MiB"] = round(cost.resident_bytes / MiB)
    found.problems += cost.warnings(available_bytes)


def _shortcomings(config: Config, embedder: Embedder) -> Iterator[str]:
    """Faults of a model that works all the same."""
    if embedder.delegate_failure:
        yield embedder.delegate_failure
    if config.delegate is None or embedder.delegate_failure:
        slow = slow_pairing(embedder.runtime, embedder.card.dtype, platform.machine())
        if slow:
            yield slow
    if embedder.card.labels:
        try:
            Words(config.model)
        except EdgeAppError as error:
            yield str(error)


def slow_pairing(runtime: str, dtype: str, machine: str) -> str | None:
    """What to take in place of a runtime that runs such models far more slowly than need be."""
    if (runtime.split()[0], dtype, machine) not in SLOW:
        return None
    return (
        f"{runtime} runs int8 models several times more slowly than float32 models on "
        f"{machine}: use a float32 model, or the runtime ai-edge-litert (docs/models.md "
        "has the figures)"
    )


def _describe_file(config: Config, found: ModelInfo) -> None:
    """What a model file holds whose card is missing or wrong, and a card to copy."""
    try:
        content, sha256 = read_model(config.model)
        runtime = Runtime(config.runtime, Delegate.of(config))
        with failures_named(config.model, runtime):
            file = ModelFile.of(runtime.interpreter(content))
            found.facts |= _tensors(file)
            present = _card(config.model)
            fitting = file.card(config.model.stem, sha256, present)
    except EdgeAppError as error:
        if str(error) not in found.problems:  # else the embedder has come as far
            found.problems.append(str(error))
        return
    if fitting != present:
        values = {name: value for name, value in asdict(fitting).items() if value is not None}
        found.facts["a card that fits"] = values
    if present is None and not file.inputs[0].scale:
        found.problems.append(SCALING)


def _tensors(file: ModelFile) -> dict[str, Any]:
    return {"inputs": list(map(str, file.inputs)), "outputs": list(map(str, file.outputs))}


def _card(model: Path) -> ModelCard | None:
    with suppress(ModelError):
        return ModelCard.load(model)
    return None
