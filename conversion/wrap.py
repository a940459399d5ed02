"""Writes the card of a model that somebody else made, once it passes what the device checks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from edge_app.errors import EdgeAppError, UsageError
from edge_app.model.embed import Embedder
from edge_app.model.file import ModelFile, failures_named, read_model
from edge_app.model.runtime import Runtime

Range = tuple[float, float]  # what pixels from 0 to 255 become


def wrap(
    model: Path, output: str | None, input_range: Range | None, say: Callable[[str], None]
) -> None:
    """Write NAME.json beside NAME.tflite; needs a TFLite runtime, and no TensorFlow.

    output: the name of a tensor; input_range: not for a quantized input, which says so itself.
    """
    path = model.with_suffix(".json")
    if path.exists():
        raise UsageError(f"--wrap: {path} is there already; remove it to have it written anew")
    content, sha256 = read_model(model)
    runtime = Runtime()
    with failures_named(model, runtime):
        file = ModelFile.of(runtime.interpreter(content))
        names = [tensor.name for tensor in file.outputs]
        if output is not None and output not in names:
            raise UsageError(f"--output-tensor {output}: {model} has {', '.join(names)}")
        if not input_range and not all(tensor.scale for tensor in file.inputs):
            raise UsageError(
                f"--wrap: what {model} wants pixels to be can't be read from it; say so with "
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
    say(
        f"{path}: takes {card.input_size_px} px, gives {card.dim} numbers"
        f"{f' in {card.output}' if card.output else ''}, {card.dtype}"
    )
