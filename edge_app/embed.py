"""Turns RGB squares into unit vectors with a TFLite model, whichever runtime is installed."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_app.errors import ModelError
from edge_app.memory import default_threads

# One runtime under two names: tflite-runtime ended with CPython 3.11, ai-edge-litert goes on.
# The newer kernels are about twice as fast, so they are taken where both are installed.
RUNTIMES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What `convert_model.py` says of a model, from the JSON file beside it."""

    name: str
    architecture: str
    alpha: float
    input_size_px: int
    dim: int
    dtype: str  # of the weights: float32, float16 or int8
    sha256: str  # of the .tflite file
    weights: str
    weights_licence: str
    preprocess: str
    tensorflow: str
    created: str

    @classmethod
    def load(cls, model: Path) -> ModelCard:
        """Read the card beside `model`; a ModelError says what is missing and what makes it."""
        path = model.with_suffix(".json")
        if not model.is_file():
            raise ModelError(f"model {model} does not exist; `make model` makes it, or use --model")
        try:
            content = json.loads(path.read_bytes())
            return cls(**{field.name: content[field.name] for field in fields(cls)})
        except FileNotFoundError:
            raise ModelError(
                f"model card {path} does not exist; copy it along with {model.name}, "
                "or make both with `make model`"
            ) from None
        except KeyError as error:
            raise ModelError(
                f"model card {path} has no {error}; make it with `make model`"
            ) from None
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(f"model card {path} can't be read: {error}") from None


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What must be equal for two embeddings to be comparable; the index names it."""

    name: str
    sha256: str
    dim: int
    input_size_px: int
    preprocess: str
    runtime: str  # "any" for float models; int8 results differ between runtimes


class Embedder:
    """One model, safe to use from several threads: `threads` calls run at a time, others wait.

    threads: None for `default_threads()`. Each has an interpreter of its own, made when it is first
    needed, 26 MB: on 2 cores two of them embed 174 images/s (ai-edge-litert; tflite-runtime 90),
    one interpreter told to use two threads 119 (70).
    runtime: a key of RUNTIMES, or None for the first that is installed.
    Raises ModelError if the model, its card or a runtime is missing or they don't fit together.
    """

    def __init__(self, model: Path, threads: int | None = None, runtime: str | None = None) -> None:
        self.card = ModelCard.load(model)
        content = model.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 != self.card.sha256:
            raise ModelError(
                f"model {model} has SHA-256 {sha256[:12]}…, its card says "
                f"{self.card.sha256[:12]}…; copy both files again, or make them with `make model`"
            )
        self.threads = threads or default_threads()
        self.runtime = installed_runtime(runtime)
        self._module = _interpreter_module(self.runtime)
        self._content = content
        self._making = threading.Lock()
        try:
            first = self._make_interpreter()
            (self._input,) = first.get_input_details()
            (self._output,) = first.get_output_details()
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"model {model} can't be loaded by {self.runtime}: {reason}") from None
        self._check_shapes(model)
        self._idle = [first]
        self._turns = threading.Semaphore(self.threads)

    @property
    def identity(self) -> ModelIdentity:
        """The part of the card that an index must agree with."""
        card = self.card
        runtime = self.runtime if card.dtype == "int8" else "any"
        return ModelIdentity(
            card.name, card.sha256, card.dim, card.input_size_px, card.preprocess, runtime
        )

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(n, s, s, 3) uint8 RGB → (n, dim) float32, unit rows."""
        vectors = np.empty((len(pixels), self.card.dim), np.float32)
        with self._interpreter() as interpreter:
            for image, vector in zip(pixels, vectors, strict=True):
                interpreter.set_tensor(
                    self._input["index"], image[np.newaxis].astype(self._input["dtype"])
                )
                interpreter.invoke()
                vector[:] = interpreter.get_tensor(self._output["index"])[0]
        if self._output["dtype"] != np.float32:
            scale, zero_point = self._output["quantization"]
            vectors = (vectors - np.float32(zero_point)) * np.float32(scale)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        # A network whose last activations are all zero has no direction; it matches nothing.
        vectors /= np.maximum(norms, np.finfo(np.float32).tiny)
        return vectors

    @contextmanager
    def _interpreter(self) -> Iterator[Any]:
        """An interpreter for the caller alone."""
        with self._turns:
            interpreter = self._idle.pop() if self._idle else self._make_interpreter()
            try:
                yield interpreter
            finally:
                self._idle.append(interpreter)

    def _make_interpreter(self) -> Any:
        with self._making, _native_chatter_silenced():
            interpreter = self._module.Interpreter(model_content=self._content, num_threads=1)
            interpreter.allocate_tensors()
        return interpreter

    def _check_shapes(self, model: Path) -> None:
        size, dim = self.card.input_size_px, self.card.dim
        expected = [1, size, size, 3], [1, dim]
        actual = self._input["shape"].tolist(), self._output["shape"].tolist()
        if actual != expected:
            raise ModelError(
                f"model {model} maps {actual[0]} to {actual[1]}, its card says "
                f"{expected[0]} to {expected[1]}; make both with `make model`"
            )


@contextmanager
def _native_chatter_silenced() -> Iterator[None]:
    """The runtimes greet on standard error, from C++ and with no setting against it."""
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def installed_runtime(wanted: str | None = None) -> str:
    """Name and version of the runtime that will be taken, without loading it."""
    for name in [wanted] if wanted else RUNTIMES:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    raise ModelError(
        f"no TFLite runtime ({' or '.join([wanted] if wanted else RUNTIMES)}) is installed; "
        "install requirements-edge.txt"
    )


def _interpreter_module(runtime: str) -> Any:
    name, _, _ = runtime.partition(" ")
    try:
        return importlib.import_module(f"{RUNTIMES[name]}.interpreter")
    except ImportError as error:
        raise ModelError(f"{runtime} can't be imported: {error}") from None
