"""A .tflite file as it is, whatever its card says, and the card that would fit it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_app import memory
from edge_app.errors import ModelError
from edge_app.model.card import ModelCard, Triple, read_file
from edge_app.model.runtime import Runtime, reason_of
from edge_app.model.tensors import ImageInput, Tensor, VectorOutput

MODEL_BYTES = 2**31  # the largest FlatBuffer, which a .tflite file is


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a runtime finds in a model file."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    dtype: str  # as the card's

    @classmethod
    def of(cls, interpreter: Any) -> ModelFile:
        """What the file of this interpreter holds."""
        return cls(
            tuple(Tensor.of(detail) for detail in interpreter.get_input_details()),
            tuple(Tensor.of(detail) for detail in interpreter.get_output_details()),
            _dtype(interpreter.get_tensor_details()),
        )

    def fitting(self, card: ModelCard) -> tuple[ImageInput, VectorOutput]:
        """The input and the output that a card means; a ModelError names all that differs."""
        source, target = ImageInput.of(self.inputs), VectorOutput.of(self.outputs, card.output)
        actual = {"input_size_px": source.size_px, "dim": target.dim, "dtype": self.dtype}
        differing = [
            f"{name} is {value}, its card says {getattr(card, name)}"
            for name, value in actual.items()
            if getattr(card, name) != value
        ]
        if differing:
            raise ModelError(f"is not what its card says: {'; '.join(differing)}")
        return source, target

    def card(self, name: str, sha256: str, card: ModelCard | None = None) -> ModelCard:
        """A card that fits, keeping what an earlier one says and the file can't contradict."""
        source = ImageInput.of(self.inputs)
        names = [tensor.name for tensor in self.outputs]
        output = card.output if card and card.output in names else self._widest_vector()
        target = VectorOutput.of(self.outputs, output)
        if card is None:
            mean, std = _pixels_as_they_are(source.tensor)
            card = ModelCard(name, 0, 0, "", "", mean=mean, std=std)
        return replace(
            card,
            input_size_px=source.size_px,
            dim=target.dim,
            dtype=self.dtype,
            sha256=sha256,
            output=output,
        )

    def _widest_vector(self) -> str | None:
        """The output to propose, None where there is no choice; a classifier's embedding has more
        numbers than it has classes, more often than not."""
        dims: dict[str, int] = {}
        for tensor in self.outputs if len(self.outputs) > 1 else ():
            with suppress(ModelError):
                dims[tensor.name] = VectorOutput.of([tensor], None).dim
        return max(dims, key=dims.__getitem__, default=None)


def read_model(model: Path) -> tuple[bytes, str]:
    """A model file's bytes and their SHA-256."""
    try:
        content = read_file(model, min(MODEL_BYTES, memory.available_bytes()))
    except OSError as error:
        raise ModelError(
            f"model {model} can't be read: {error.strerror or error}; choose another with --model"
        ) from None
    if not content:
        raise ModelError(f"model {model} is empty: copy it again")
    return content, hashlib.sha256(content).hexdigest()


@contextmanager
def failures_named(model: Path, runtime: Runtime) -> Iterator[None]:
    """Says which file is at fault when it can't be run, or is not what it should be."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"model {model} {error}") from None
    except (RuntimeError, ValueError) as error:  # the runtimes raise no others
        raise ModelError(
            f"model {model} can't be run by {runtime.name}: {reason_of(error)}"
        ) from None


def _dtype(details: Sequence[dict[str, Any]]) -> str:
    """`float16` or `int8` where any tensor has that type."""
    # Only arithmetic counts: a float model may take uint8 pixels and convert them itself.
    if any(len(detail["quantization_parameters"]["scales"]) for detail in details):
        return "int8"
    halves = any(np.dtype(detail["dtype"]) == np.float16 for detail in details)
    return "float16" if halves else "float32"


def _pixels_as_they_are(tensor: Tensor) -> tuple[Triple, Triple]:
    """The mean and std by which a quantized input takes pixels unchanged, int8 less 128; what a
    float input wants can't be read from a file."""
    if not tensor.scale:
        return (0.0,) * 3, (1.0,) * 3
    mean = tensor.zero_point + (128 if tensor.dtype == "int8" else 0)
    return (float(mean),) * 3, (1 / tensor.scale,) * 3
