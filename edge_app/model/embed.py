"""Turns RGB squares into unit vectors with a TFLite model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_app.config import Config
from edge_app.errors import ModelError
from edge_app.memory import default_interpreters
from edge_app.model.card import ModelCard, ModelIdentity
from edge_app.model.file import ModelFile, failures_named, read_model
from edge_app.model.runtime import Delegate, Runtime
from edge_app.model.tensors import Preparation


class Embedder:
    """One model, safe to use from several threads: `threads` calls run at a time, others wait.

    threads: None for `default_interpreters()`. Each has an interpreter of its own, made when it is
    first needed, 26 MB of MobileNetV2: on 2 cores two of them embed 174 images/s (ai-edge-litert;
    tflite-runtime 90), one interpreter told to use two threads 119 (70).
    runtime: a key of RUNTIMES, or None for the first that is installed.
    Raises ModelError if the model, its card or a runtime is missing, if they don't fit together, or
    if the embeddings are useless; DelegateError if the fault is the delegate's.
    """

    def __init__(
        self,
        model: Path,
        threads: int | None = None,
        runtime: str | None = None,
        delegate: Delegate | None = None,
    ) -> None:
        self.card = ModelCard.load(model)
        self._model = model
        self._content, sha256 = read_model(model)
        if sha256 != self.card.sha256:
            raise ModelError(
                f"model {model} has SHA-256 {sha256[:12]}…, its card says "
                f"{self.card.sha256[:12]}…; copy both files again, or create them with "
                "`make model`"
            )
        self.threads = threads or default_interpreters(len(self._content))
        self._runtime = Runtime(runtime, delegate)
        self.card.check_runtime(self.runtime)
        self._turns = threading.Semaphore(self.threads)
        with failures_named(model, self._runtime):
            first = self._runtime.interpreter(self._content)
            self.file = ModelFile.of(first)
            source, self._output = self.file.fitting(self.card)
        self._input_index = source.tensor.index
        self._prepare = Preparation(source, self.card)
        self._idle = [first]
        self._check_embeddings()

    @classmethod
    def of(cls, config: Config) -> Embedder:
        """The one the settings ask for."""
        return cls(config.model, config.threads, config.runtime, Delegate.of(config))

    @property
    def runtime(self) -> str:
        """Name and version of the runtime, and the delegate in use."""
        return self._runtime.name

    @property
    def delegate_failure(self) -> str | None:
        """Why an optional delegate is not used."""
        return self._runtime.delegate_failure

    @property
    def identity(self) -> ModelIdentity:
        """The part of the card that an index must agree with."""
        return self.card.identity(self.runtime)

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(n, s, s, 3) uint8 RGB → (n, dim) float32, unit rows."""
        vectors = np.empty((len(pixels), self.card.dim), np.float32)
        with self._interpreter() as interpreter, failures_named(self._model, self._runtime):
            for image, vector in zip(pixels, vectors, strict=True):
                interpreter.set_tensor(self._input_index, self._prepare(image))
                interpreter.invoke()
                vector[:] = self._output.vector(interpreter.get_tensor(self._output.tensor.index))
            with np.errstate(over="ignore"):  # the infinite numbers that follow are refused
                norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            if not np.isfinite(norms).all():
                raise ModelError("gives embeddings with NaN or infinite numbers; convert it again")
        # A network whose last activations are all zero has no direction; it matches nothing.
        vectors /= np.maximum(norms, np.finfo(np.float32).tiny)
        return vectors

    def _check_embeddings(self) -> None:
        """Two pictures that could hardly differ more must not be one to the model.

        MobileNetV2 on a 2-core x86 VM: 23 ms of the 48 ms that loading takes in ai-edge-litert.
        """
        one, other = self.embed(_unlike_pictures(self.card.input_size_px))
        if np.allclose(one, other, rtol=0, atol=1e-5):
            mean, std = list(self.card.mean), list(self.card.std)
            raise ModelError(
                f"model {self._model} gives the same embedding for different pictures; "
                f"check that mean {mean} and std {std} in its card are those it was "
                "trained with"
            )

    @contextmanager
    def _interpreter(self) -> Iterator[Any]:
        """An interpreter for the caller alone."""
        with self._turns:
            interpreter = (
                self._idle.pop() if self._idle else self._runtime.interpreter(self._content)
            )
            try:
                yield interpreter
            finally:
                self._idle.append(interpreter)


def pixels_of(views: bytes, size_px: int) -> npt.NDArray[np.uint8]:
    """What a decoder made for a model of this input size, as `embed` takes it: (views, size_px,
    size_px, 3) uint8 RGB."""
    return np.frombuffer(views, np.uint8).reshape(-1, size_px, size_px, 3)


def _unlike_pictures(size_px: int) -> npt.NDArray[np.uint8]:
    """(2, s, s, 3) uint8 RGB: a smooth change of warm colours, and bluish noise."""
    across = np.linspace(0, 255, size_px)
    pictures = np.zeros((2, size_px, size_px, 3), np.uint8)
    pictures[0, ..., 0], pictures[0, ..., 1] = across, across[:, np.newaxis] / 2
    noise = np.random.default_rng(0).integers(0, 256, (size_px, size_px, 3))
    pictures[1] = noise * (0.3, 0.5, 1.0)
    return pictures
