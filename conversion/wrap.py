"""Writes the card of a model that somebody else made, once it passes what the device checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from conversion.inner import with_output
from conversion.photos import generated_pictures
from edge_app.errors import EdgeAppError, ModelError, UsageError
from edge_app.model.card import ModelCard
from edge_app.model.embed import Embedder
from edge_app.model.file import ModelFile, failures_named, read_model
from edge_app.model.runtime import Runtime
from edge_app.model.tensors import Preparation, Tensor, VectorOutput

Range = tuple[float, float]  # what pixels from 0 to 255 become

PROBED_PICTURES = 3  # by which a softmax is recognized
LISTED_TENSORS = 8  # inner vectors that are named as alternatives, the last ones


def wrap(
    model: Path, output: str | None, input_range: Range | None, say: Callable[[str], None]
) -> None:
    """Write NAME.json beside NAME.tflite; needs a TFLite runtime, and no TensorFlow.

    output: the name of a tensor; an inner one makes a copy of the model, NAME.embedding.tflite,
    that gives it. input_range: not for a quantized input, which says so itself.
    """
    content, _ = read_model(model)
    runtime = Runtime()
    with failures_named(model, runtime):
        interpreter = runtime.interpreter(content)
        file = ModelFile.of(interpreter)
        inner = _inner_vectors(interpreter, file)
        if output in inner and output not in [tensor.name for tensor in file.outputs]:
            model, output = _copy_with_output(model, content, inner[output]), None
            made = True
        else:
            made = False
    try:
        card = _write_card(model, output, input_range, inner)
    except EdgeAppError:
        if made:
            model.unlink()
        raise
    say(
        f"{model.with_suffix('.json')}: takes {card.input_size_px} px, gives {card.dim} numbers"
        f"{f' in {card.output}' if card.output else ''}, {card.dtype}"
    )
    if _gives_probabilities(model, card):
        say(
            f"warning: {model} gives the probabilities of classes. The layer before them "
            "finds similar photos better: choose it with --output-tensor, one of "
            f"{', '.join(list(inner)[-LISTED_TENSORS:]) or 'those that a viewer of the file shows'}"
        )


def _write_card(
    model: Path, output: str | None, input_range: Range | None, inner: Mapping[str, int]
) -> ModelCard:
    """The card, on disk once the device's own checks have passed."""
    path = model.with_suffix(".json")
    if path.exists():
        raise UsageError(f"--wrap: {path} already exists; remove it first to write it again")
    content, sha256 = read_model(model)
    runtime = Runtime()
    with failures_named(model, runtime):
        file = ModelFile.of(runtime.interpreter(content))
        names = [tensor.name for tensor in file.outputs]
        if output is not None and output not in names:
            raise UsageError(
                f"--output-tensor {output}: {model} has the outputs {', '.join(names)}, and inside "
                f"of it {', '.join(list(inner)[-LISTED_TENSORS:]) or 'no vector'}"
            )
        if not input_range and not all(tensor.scale for tensor in file.inputs):
            raise UsageError(
                f"--wrap: the file {model} does not say what range its pixels have; give it with "
                "--input-range, such as -1,1 or 0,1 or 0,255"
            )
        card = file.card(model.stem, sha256)
        if output is not None:
            card = file.card(model.stem, sha256, replace(card, output=output))
    if input_range:
        low, high = input_range
        std = 255 / (high - low)
        card = replace(card, mean=(-low * std,) * 3, std=(std,) * 3)
    path.write_text(json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n")
    try:
        Embedder(model)
    except EdgeAppError:
        path.unlink()
        raise
    return card


def _inner_vectors(interpreter: Any, file: ModelFile) -> dict[str, int]:
    """Every vector that is computed on the way, by its name: the number of its tensor."""
    outside = {tensor.index for tensor in (*file.inputs, *file.outputs)}
    found: dict[str, int] = {}
    for detail in interpreter.get_tensor_details():
        if detail["index"] in outside or detail["name"] in ("", *found):
            continue
        shape = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
        # Computed for one picture, not a constant such as a bias: those have one side only.
        if len(shape) > 1 and shape[0] in (1, -1):
            try:
                VectorOutput.of([Tensor.of(detail)], None)
            except ModelError:
                continue
            found[detail["name"]] = detail["index"]
    return found


def _copy_with_output(model: Path, content: bytes, tensor: int) -> Path:
    """NAME.embedding.tflite beside NAME.tflite."""
    copy = model.with_suffix(".embedding.tflite")
    if copy.exists():
        raise UsageError(f"--wrap: {copy} already exists; remove it first to write it again")
    copy.write_bytes(with_output(content, tensor))
    return copy


def _gives_probabilities(model: Path, card: ModelCard) -> bool:
    """Whether the output looks like a softmax: nothing below zero, and a sum of 1."""
    content, _ = read_model(model)
    interpreter = Runtime().interpreter(content)
    source, target = ModelFile.of(interpreter).fitting(card)
    prepare = Preparation(source, card)
    for picture in generated_pictures(PROBED_PICTURES, card.input_size_px):
        interpreter.set_tensor(source.tensor.index, prepare(picture))
        interpreter.invoke()
        vector = target.vector(interpreter.get_tensor(target.tensor.index))
        # Of a quantized output each number is rounded to its scale.
        slack = 1e-3 + target.tensor.scale * len(vector) / 2
        if vector.min() < 0 or abs(float(vector.sum(dtype=np.float64)) - 1) > slack:
            return False
    return True
