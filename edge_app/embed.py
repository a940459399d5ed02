"""Turns RGB squares into unit vectors with a TFLite model."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_app.errors import ModelError
from edge_app.memory import default_threads
from edge_app.modelcard import ModelCard, ModelIdentity
from edge_app.runtime import installed_runtime, interpreter_module, native_chatter_silenced
from edge_app.tensors import (
    ImageInput,
    Preparation,
    Tensor,
    VectorOutput,
    differences,
    weights_dtype,
)


class Embedder:
    """One model, safe to use from several threads: `threads` calls run at a time, others wait.

    threads: None for `default_threads()`. Each has an interpreter of its own, made when it is first
    needed, 26 MB: on 2 cores two of them embed 174 images/s (ai-edge-litert; tflite-runtime 90),
    one interpreter told to use two threads 119 (70).
    runtime: a key of RUNTIMES, or None for the first that is installed.
    Raises ModelError if the model, its card or a runtime is missing, if they don't fit together, or
    if the embeddings are of no use.
    """

    def __init__(self, model: Path, threads: int | None = None, runtime: str | None = None) -> None:
        self.card = ModelCard.load(model)
        self._model = model
        self._content = model.read_bytes()
        sha256 = hashlib.sha256(self._content).hexdigest()
        if sha256 != self.card.sha256:
            raise ModelError(
                f"model {model} has SHA-256 {sha256[:12]}…, its card says "
                f"{self.card.sha256[:12]}…; copy both files again, or make them with `make model`"
            )
        self.threads = threads or default_threads()
        self.runtime = installed_runtime(runtime)
        self._module = interpreter_module(self.runtime)
        self._making = threading.Lock()
        self._turns = threading.Semaphore(self.threads)
        with self._failures_named():
            first = self._make_interpreter()
            source = ImageInput.of([Tensor.of(detail) for detail in first.get_input_details()])
            self._output = VectorOutput.of(
                [Tensor.of(detail) for detail in first.get_output_details()], self.card.output
            )
            dtype = weights_dtype(first.get_tensor_details())
            differing = differences(self.card, source, self._output, dtype)
            if differing:
                raise ModelError(f"does not fit its card: {'; '.join(differing)}")
        self._input_index = source.tensor.index
        self._prepare = Preparation(source, self.card)
        self._idle = [first]
        self._check_embeddings()

    @property
    def identity(self) -> ModelIdentity:
        """The part of the card that an index must agree with."""
        return self.card.identity(self.runtime)

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(n, s, s, 3) uint8 RGB → (n, dim) float32, unit rows."""
        vectors = np.empty((len(pixels), self.card.dim), np.float32)
        with self._interpreter() as interpreter, self._failures_named():
            for image, vector in zip(pixels, vectors, strict=True):
                interpreter.set_tensor(self._input_index, self._prepare(image))
                interpreter.invoke()
                vector[:] = self._output.vector(interpreter.get_tensor(self._output.tensor.index))
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            if not np.isfinite(norms).all():
                raise ModelError("gives embeddings with NaN or infinite numbers; convert it anew")
        # A network whose last activations are all zero has no direction; it matches nothing.
        vectors /= np.maximum(norms, np.finfo(np.float32).tiny)
        return vectors

    def _check_embeddings(self) -> None:
        """Two pictures that could hardly differ more must not be one to the model."""
        one, other = self.embed(_unlike_pictures(self.card.input_size_px))
        if np.allclose(one, other, rtol=0, atol=1e-5):
            raise ModelError(
                f"model {self._model} gives the same embedding for different pictures; check mean "
                f"{list(self.card.mean)} and std {list(self.card.std)} in its card, or convert it "
                "anew"
            )

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
        with self._making, native_chatter_silenced():
            interpreter = self._module.Interpreter(model_content=self._content, num_threads=1)
            interpreter.allocate_tensors()
        return interpreter

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        """What is wrong, after which file it is wrong with."""
        try:
            yield
        except ModelError as error:
            raise ModelError(f"model {self._model} {error}") from None
        except (RuntimeError, ValueError) as error:  # the runtimes raise no others
            reason = str(error).strip().splitlines()[0]
            raise ModelError(
                f"model {self._model} can't be run by {self.runtime}: {reason}"
            ) from None


def _unlike_pictures(size_px: int) -> npt.NDArray[np.uint8]:
    """(2, s, s, 3) uint8 RGB: a smooth change of warm colours, and bluish noise."""
    across = np.linspace(0, 255, size_px)
    pictures = np.zeros((2, size_px, size_px, 3), np.uint8)
    pictures[0, ..., 0], pictures[0, ..., 1] = across, across[:, np.newaxis] / 2
    noise = np.random.default_rng(0).integers(0, 256, (size_px, size_px, 3))
    pictures[1] = noise * (0.3, 0.5, 1.0)
    return pictures
