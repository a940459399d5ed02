"""What runs here and in what state it is: runtime, model, index, memory, and what to fix."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy
import PIL

from edge_app import VERSION, memory, search
from edge_app.config import Config, MiB
from edge_app.embed import Embedder
from edge_app.errors import EdgeAppError, ModelError
from edge_app.generation import comparable
from edge_app.memory import default_workers
from edge_app.modelcard import ModelCard
from edge_app.modelfile import ModelFile, failures_named, read_model
from edge_app.reader import Reader
from edge_app.runtime import Delegate, Runtime
from edge_app.words import Words

# Runtime, dtype and machine, from docs/models.md: 67 ms an image, against 21 for float32 and 12 for
# int8 in ai-edge-litert. On ARM tflite-runtime has other kernels for int8, not measured yet.
SLOW = {("tflite-runtime", "int8", "x86_64")}

SCALING = (
    "mean and std of a card can't be read from the model file; put in what it was trained with: "
    "127.5 and 127.5 for -1…1, 0 and 255 for 0…1, [123.675, 116.28, 103.53] and "
    "[58.395, 57.12, 57.375] for torchvision's, 0 and 1 where the model does it itself"
)


def describe(config: Config) -> dict[str, Any]:
    """Facts by group; `to fix` is a list of lines, each naming the setting or command."""
    problems: list[str] = []
    available_bytes = memory.available_bytes()
    program: dict[str, Any] = {
        "version": VERSION,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,
        "decoding processes": config.workers or default_workers(config.limits),
    }
    embedder, model = _model(config, problems)
    identity = embedder.identity if embedder else None
    if embedder:
        if embedder.card.labels:
            problems += _word_problems(config)
        if config.delegate is None or embedder.delegate_failure:
            slow = slow_pairing(embedder.runtime, embedder.card.dtype, platform.machine())
            problems += [slow] if slow else []
        program |= {"runtime": embedder.runtime, "inference threads": embedder.threads}
    index: dict[str, Any] = {"folder": str(config.index)}
    try:
        with Reader(config.index) as reader:
            snapshot = reader.snapshot()
            counts = reader.counts()
        index |= {
            "generation": snapshot.generation,
            "images": counts.images,
            "rejected": counts.rejected,
            "offline": counts.offline,
            "rows": snapshot.rows,
            "dead rows": snapshot.rows - int(snapshot.live.sum()),
            "vectors MiB": round(snapshot.vectors.nbytes / MiB, 1),
            "tiles": 0 if snapshot.tiles is None else snapshot.tiles.shape[1],
            "search way": search.choose_way(snapshot, available_bytes),
        }
        if snapshot.identity is None:
            problems.append(f"{config.index} holds no index yet; make one with `index`")
        elif identity and not comparable(identity, snapshot.identity):
            problems.append(
                f"the index {config.index} was built with another model "
                f"({snapshot.identity.name}); the next `index` run builds it anew"
            )
    except EdgeAppError as error:
        problems.append(str(error))
    problems += _library_problems(config)
    return {
        "program": program,
        "model": model,
        "index": index,
        "memory": {"available MiB": available_bytes // MiB},
        "to fix": problems,
    }


def _model(config: Config, problems: list[str]) -> tuple[Embedder | None, dict[str, Any]]:
    """The model, if it can be used, and what is known of it."""
    facts: dict[str, Any] = {"file": str(config.model)}
    try:
        embedder = Embedder.of(config)
    except EdgeAppError as error:
        problems.append(str(error))
        if config.model.is_file():
            facts |= _unusable_model(config, problems)
        return None, facts
    if embedder.delegate_failure:
        problems.append(embedder.delegate_failure)
    return embedder, facts | _tensors(embedder.file) | asdict(embedder.card)


def _unusable_model(config: Config, problems: list[str]) -> dict[str, Any]:
    """What a model file holds whose card is missing or wrong, and a card to copy."""
    facts: dict[str, Any] = {}
    try:
        content, sha256 = read_model(config.model)
        runtime = Runtime(config.runtime, Delegate.of(config))
        with failures_named(config.model, runtime):
            file = ModelFile.of(runtime.interpreter(content))
            facts |= _tensors(file)
            present = _card(config.model)
            fitting = file.card(config.model.stem, sha256, present)
    except EdgeAppError as error:
        if str(error) not in problems:  # else the embedder has come as far
            problems.append(str(error))
        return facts
    if fitting != present:
        values = {name: value for name, value in asdict(fitting).items() if value is not None}
        facts["a card that fits"] = values
    if present is None and not file.inputs[0].scale:
        problems.append(SCALING)
    return facts


def _tensors(file: ModelFile) -> dict[str, Any]:
    return {"inputs": list(map(str, file.inputs)), "outputs": list(map(str, file.outputs))}


def _card(model: Path) -> ModelCard | None:
    with suppress(ModelError):
        return ModelCard.load(model)
    return None


def slow_pairing(runtime: str, dtype: str, machine: str) -> str | None:
    """What to take in place of a runtime that runs such models far more slowly than need be."""
    if (runtime.split()[0], dtype, machine) not in SLOW:
        return None
    return (
        f"{runtime} runs int8 models several times more slowly than float32 ones on {machine}: "
        "take a float32 model, or the runtime ai-edge-litert (docs/models.md has the figures)"
    )


def _word_problems(config: Config) -> Iterator[str]:
    try:
        Words(config.model, config.limits)
    except EdgeAppError as error:
        yield str(error)


def _library_problems(config: Config) -> Iterator[str]:
    if not config.gallery.is_dir():
        yield f"the library {config.gallery} is not there; mount it, or name it with --gallery"
