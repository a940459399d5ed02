"""The text tower of a model: words of any kind as vectors among those of the photos."""

from __future__ import annotations

import io
import threading
import time
import unicodedata
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_app import memory
from edge_app.errors import ModelError, NotFoundError, UsageError
from edge_app.model.card import ModelCard
from edge_app.model.file import ModelFile, failures_named, read_model
from edge_app.model.runtime import Runtime
from edge_app.model.tensors import Tensor, VectorOutput
from edge_app.model.tokenizer import Tokenizer

Floats = npt.NDArray[np.float32]

TEXT_CHARS = 1000  # the longest text; CLIP reads 77 tokens, about 300 characters
COPY = "copy all files of one model again"  # what to do about one that is damaged
TEXTS_KEPT = 256  # vectors of texts: 2 KB each with 512 dimensions


class TextTower:
    """The tower that a model's card names. Safe to use from several threads, one at a time.

    It is loaded by the first text, and let go when none came for `idle_s`. Raises NotFoundError if
    the model has none, ModelError if it is missing, damaged or another model's.
    """

    def __init__(self, model: Path, runtime: str | None = None, idle_s: float = 300.0) -> None:
        self.card = ModelCard.load(model)
        if self.card.text is None:
            raise NotFoundError(
                f"the model {self.card.name} has no text tower, so it can't search for text; "
                "docs/words.md says which models can"
            )
        self._model, self._runtime_name, self._idle_s = model, runtime, idle_s
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._kept: OrderedDict[str, Floats] = OrderedDict()
        self._used = 0.0
        self._timer: threading.Timer | None = None

    @property
    def resident_bytes(self) -> int:
        """By how much loading it has made the process grow; 0 while it is not loaded."""
        loaded = self._loaded
        return loaded.resident_bytes if loaded else 0

    def vector(self, text: str) -> Floats:
        """(dim,) float32, unit: where photos of what the text says lie."""
        text = checked(text)
        with self._lock:
            vector = self._kept.pop(text, None)
            if vector is None:
                if self._loaded is None:
                    self._loaded = _load(self._model, self.card, self._runtime_name)
                vector = self._loaded.embed(text)
                self._wait_for_idleness()
            self._kept[text] = vector
            if len(self._kept) > TEXTS_KEPT:
                self._kept.popitem(last=False)
        return vector

    def captions(self) -> Floats | None:
        """(n, dim) float32, unit rows: vectors of ordinary captions, by which scores are read; None
        where none came with the tower."""
        named = self.card.text or {}
        if "captions" not in named:
            return None
        name = str(named["captions"])
        content = _read(self._model, name, str(named["captions_sha256"]))
        try:
            vectors: Floats = np.load(io.BytesIO(content), allow_pickle=False)
            if (
                vectors.dtype != np.float32
                or vectors.ndim != 2
                or vectors.shape[1] != self.card.dim
            ):
                raise ValueError(f"it is {vectors.dtype} of {vectors.shape}")
            if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):  # NaN fails too
                raise ValueError("not all vectors are of length 1")
        except (ValueError, EOFError, MemoryError) as error:
            path = self._model.with_name(name)
            raise ModelError(f"the captions {path} can't be used: {error}; {COPY}") from None
        return vectors

    def close(self) -> None:
        """Let the tower go; the next text loads it again."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._loaded = None

    def _wait_for_idleness(self) -> None:
        self._used = time.monotonic()
        if self._timer is None or not self._timer.is_alive():
            self._start_timer(self._idle_s)

    def _start_timer(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._let_go_if_idle)
        self._timer.daemon = True
        self._timer.start()

    def _let_go_if_idle(self) -> None:
        with self._lock:
            left_s = self._used + self._idle_s - time.monotonic()
            if left_s > 0:
                self._start_timer(left_s)
            else:
                self._loaded = None


def checked(text: str) -> str:
    """The text without needless spaces; UsageError where it is nothing to search for."""
    if len(text) > TEXT_CHARS:
        raise UsageError(f"a text of {len(text)} characters is over the limit of {TEXT_CHARS}")
    clean = " ".join(text.split())
    if not clean:
        raise UsageError("the text is empty; give words to search for")
    for sign in clean:
        if unicodedata.category(sign) == "Cc":
            raise UsageError(f"the text has the control character U+{ord(sign):04X}; remove it")
    return clean


class _Loaded(NamedTuple):
    """A tower in memory."""

    model: Path
    runtime: Runtime
    interpreter: Any
    source: Tensor
    target: VectorOutput
    tokenizer: Tokenizer
    length: int
    resident_bytes: int

    def embed(self, text: str) -> Floats:
        with failures_named(self.model, self.runtime):
            row = self.tokenizer(text, self.length)[np.newaxis]
            self.interpreter.set_tensor(self.source.index, row.astype(self.source.dtype))
            self.interpreter.invoke()
            vector = self.target.vector(self.interpreter.get_tensor(self.target.tensor.index))
            norm = float(np.linalg.norm(vector))
            if not 0 < norm < np.inf:
                raise ModelError("gives texts no direction; convert it again")
        unit: Floats = vector / np.float32(norm)
        return unit


def _load(model: Path, card: ModelCard, runtime_name: str | None) -> _Loaded:
    """The tower beside a model, once it is known to be that of its card."""
    assert card.text is not None, "the caller has seen it"
    before_bytes = memory.resident_bytes()
    named = card.text
    tokens, length = int(named["tokens"]), int(named["length"])
    vocab = _read(model, str(named["vocab"]), str(named["vocab_sha256"]))
    try:
        tokenizer = Tokenizer(vocab)
        if tokenizer.size != tokens:
            raise ValueError(f"it has {tokenizer.size} tokens, the text tower {tokens}")
    except ValueError as error:
        path = model.with_name(str(named["vocab"]))
        raise ModelError(f"the vocabulary {path} can't be used: {error}; {COPY}") from None
    file = model.with_name(str(named["file"]))
    content = _read(model, file.name, str(named["sha256"]))
    runtime = Runtime(runtime_name)
    card.check_runtime(runtime.name)
    with failures_named(file, runtime):
        interpreter = runtime.interpreter(content)
        found = ModelFile.of(interpreter)
        source, target = _fitting(found, card, length)
    grown_bytes = max(0, memory.resident_bytes() - before_bytes)
    loaded = _Loaded(file, runtime, interpreter, source, target, tokenizer, length, grown_bytes)
    if np.allclose(loaded.embed("a dog"), loaded.embed("the sea at night"), atol=1e-5):
        raise ModelError(
            f"model {file} gives the same vector for different texts; convert it again"
        )
    grown_bytes = max(0, memory.resident_bytes() - before_bytes)  # with what computing takes
    return loaded._replace(resident_bytes=grown_bytes)


def _fitting(file: ModelFile, card: ModelCard, length: int) -> tuple[Tensor, VectorOutput]:
    """Tokens in, a vector out; a ModelError says what there is instead."""
    if len(file.inputs) != 1 or file.inputs[0].dtype not in ("int32", "int64"):
        raise ModelError("takes no tokens; it must take one row of int32")
    source = file.inputs[0]
    if source.shape not in ((1, length), (-1, length)):
        raise ModelError(f"takes tokens of shape {source.shape}; the card says (1, {length})")
    target = VectorOutput.of(file.outputs, None)
    if target.dim != card.dim:
        raise ModelError(
            f"gives {target.dim} numbers, the image tower {card.dim}; the two are not of one model"
        )
    return source, target


def _read(model: Path, name: str, sha256: str) -> bytes:
    path = model.with_name(name)
    if not path.is_file():
        raise ModelError(f"{path} does not exist; copy it together with {model.name}")
    content, actual = read_model(path)
    if actual != sha256:
        raise ModelError(
            f"{path} has SHA-256 {actual[:12]}…, the card of {model.name} says {sha256[:12]}…; it "
            f"may be another model's: {COPY}"
        )
    return content
