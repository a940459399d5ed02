"""The card beside a model: what it is, how pixels go in, and which of its outputs is taken."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from edge_app.config import Config, MiB
from edge_app.errors import ModelError
from edge_app.photos.regions import CROP, PREPROCESS
from edge_app.userfolders import models_folder

Triple = tuple[float, float, float]

CARD_BYTES = MiB  # one has 600

CHANNELS = ("RGB", "BGR")
DTYPES = ("float32", "float16", "int8")


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What must be equal for two embeddings to be comparable; the index names it."""

    name: str
    sha256: str
    dim: int
    input_size_px: int
    preprocess: str  # with what else of the card changes an embedding, where it isn't the default
    runtime: str  # "any" for float models; int8 results differ between runtimes


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is said of a model in the JSON file beside it, by `convert_model.py` or by hand.

    An input value is (pixel 0…255 - mean) / std, for each channel in the order of `channels`; a
    quantized input tensor then applies its own scale and zero point. This is what TFLite's metadata
    call NormalizationOptions.
    """

    name: str
    input_size_px: int
    dim: int
    dtype: str  # of the weights, one of DTYPES
    sha256: str  # of the .tflite file

    preprocess: str = PREPROCESS
    channels: str = CHANNELS[0]
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    output: str | None = None  # the output tensor's name, where the file has several

    labels: dict[str, str] | None = None  # the words it knows: `file` beside the card, `sha256`, …
    text: dict[str, str | int] | None = None  # its text tower, as `_is_text_tower` wants it
    needs_runtime: str | None = None  # the only runtime that knows all of its operators

    # Where it comes from: shown, never used.
    architecture: str = "unknown"
    alpha: float | None = None
    weights: str = "unknown"
    weights_licence: str = "unknown"
    tensorflow: str | None = None
    created: str | None = None

    @classmethod
    def load(cls, model: Path) -> ModelCard:
        """Read the card beside `model`; a ModelError says what is wrong with it."""
        path = model.with_suffix(".json")
        try:
            is_there = stat.S_ISREG(model.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        except OSError as error:
            raise ModelError(
                f"model {model} can't be read: {error.strerror}; choose another with --model"
            ) from None
        if not is_there:
            if model == Config().model:  # nobody named it
                raise ModelError(
                    f"there is no model: not in {model.parent}/, in no installed package and not "
                    f"in {models_folder()}; install a lookalike-model package, copy a model and "
                    "its card there, or make one in a checkout on a workstation: make model"
                )
            raise ModelError(
                f"model {model} does not exist; choose another with --model, or make one in a "
                "checkout on a workstation: make model"
            )
        try:
            content = json.loads(read_file(path, CARD_BYTES))
        except FileNotFoundError:
            raise ModelError(
                f"model card {path} does not exist; copy it together with {model.name}, "
                "create both with `make model`, or write one as `lookalike info --model "
                f"{model}` shows"
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(
                f"model card {path} can't be read: {error}; copy it again with {model.name}"
            ) from None
        try:
            return _card_of(content)
        except ValueError as error:
            raise ModelError(
                f"model card {path} {error}; create it with `make model`, or see "
                f"`lookalike info --model {model}`"
            ) from None

    def identity(self, runtime: str) -> ModelIdentity:
        """The part an index must agree with; it names the runtime only where that matters."""
        default = {field.name: field.default for field in fields(self)}
        preprocess = [self.preprocess] + [
            f"{name}={getattr(self, name)}"
            for name in ("channels", "mean", "std", "output")
            if getattr(self, name) != default[name]
        ]
        return ModelIdentity(
            self.name,
            self.sha256,
            self.dim,
            self.input_size_px,
            " ".join(preprocess),
            runtime if self.dtype == "int8" else "any",
        )

    def check_runtime(self, runtime: str) -> None:
        """ModelError where another runtime is needed than this one, name and version."""
        if self.needs_runtime not in (None, runtime.split()[0]):
            raise ModelError(
                f"the model {self.name} needs the runtime {self.needs_runtime}, not {runtime}; "
                "install that, or convert the model with --quantize none"
            )


def read_file(path: Path, most_bytes: int) -> bytes:
    """All of a file that belongs to a model; OSError where it is no regular file, which may have no
    end, or has more than `most_bytes`."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no regular file")
        if status.st_size > most_bytes:
            raise OSError(f"it has {status.st_size} bytes, and may have {most_bytes}")
        return file.read(most_bytes)


def _card_of(content: Any) -> ModelCard:
    """The card a JSON file holds; a ValueError says what the card "has" or "says" wrongly."""
    if not isinstance(content, dict):
        raise ValueError("is not a JSON object")
    values: dict[str, Any] = {}
    for field in fields(ModelCard):
        if field.name in content:
            is_one, kind = KINDS[str(field.type)]
            value = content[field.name]
            if not is_one(value):
                raise ValueError(f"has {field.name} {value!r}, which is not {kind}")
            values[field.name] = _triple(value) if field.type == "Triple" else value
        elif field.default is MISSING:
            raise ValueError(f"has no {field.name!r}")
    card = ModelCard(**values)
    for name, known in (
        ("preprocess", (PREPROCESS, CROP)),
        ("channels", CHANNELS),
        ("dtype", DTYPES),
    ):
        if getattr(card, name) not in known:
            raise ValueError(
                f"has {name} {getattr(card, name)!r}; only {' or '.join(known)} is possible"
            )
    if 0 in card.std:
        raise ValueError("has std 0; it must be another number")
    return card


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e6  # NaN fails too


def _is_triple(value: Any) -> bool:
    return _is_number(value) or (
        isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))
    )


def _triple(value: Any) -> Triple:
    """One number for all three channels, or one for each."""
    red, green, blue = value if isinstance(value, list) else (value,) * 3
    return float(red), float(green), float(blue)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_labels(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict)
        and all(map(_is_text, value.values()))
        and {"file", "sha256"} <= value.keys()
        and Path(value["file"]).name == value["file"]
    )


def _is_text_tower(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict)
        and all(_is_text(value.get(name)) for name in ("file", "sha256", "vocab", "vocab_sha256"))
        and all(type(value.get(name)) is int for name in ("tokens", "length"))
        and all(0 < value[name] <= most for name, most in (("tokens", 1 << 20), ("length", 1024)))
        and all(Path(value[name]).name == value[name] for name in ("file", "vocab"))
        and ("captions" in value) == ("captions_sha256" in value)
        and all(_is_text(value.get(name, "-")) for name in ("captions", "captions_sha256"))
        and Path(value.get("captions", "-")).name == value.get("captions", "-")
    )


# By a field's annotation: whether a value is one, and what to call it.
KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "str": (_is_text, "a text"),
    "str | None": (lambda value: value is None or _is_text(value), "a text"),
    "int": (lambda value: type(value) is int and value > 0, "a whole number above 0"),
    "float | None": (lambda value: value is None or _is_number(value), "a number"),
    "dict[str, str] | None": (_is_labels, "an object with the texts file and sha256"),
    "dict[str, str | int] | None": (
        _is_text_tower,
        "an object with the texts file, sha256, vocab and vocab_sha256 and the numbers tokens and "
        "length",
    ),
    "Triple": (_is_triple, "a number or a list of three"),
}


def comparable(one: ModelIdentity, other: ModelIdentity) -> bool:
    """Whether embeddings of both may be compared; a renamed model file is the same model."""
    return replace(one, name=other.name) == other
