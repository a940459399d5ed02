"""Makes models/NAME.tflite, a MobileNetV2 feature extractor, and its model card; on a workstation.

The model takes RGB pixels 0…255, (1, size, size, 3) float32, or uint8 when quantized to int8, and
gives (1, dim) float32: scaling is part of the graph, so that nobody downstream can get it wrong.
Needs requirements-build.txt, which the device never does. docs/models.md says which model to make.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from conversion.export import export, lowest_cosine
from conversion.network import import_tensorflow, learn_reduction, make_extractor
from conversion.photos import Pixels, generated_pictures, photos, required_photos
from conversion.weights import load_weights
from edge_app.config import Config
from edge_app.decode import PREPROCESS, WHOLE, Box
from edge_app.errors import EdgeAppError, ModelError, UsageError
from edge_app.modelcard import ModelCard

# By --quantize: the card's dtype, and the cosine to Keras that every photo of the check must reach.
DTYPE = {"none": "float32", "fp16": "float16", "int8": "int8"}
LOWEST_COSINE = {"none": 0.9999, "fp16": 0.999, "int8": 0.97}
CHECK_PHOTOS = 16

CALIBRATION_PHOTOS = range(20, 100)  # at least, at most; 20 gave the cosines of 100

# Regions are searched too. Crops of unseen photos found their photo first with .87 of them in 1280
# dimensions, .90 in 256 learned on whole photos, .93 in 256 learned on these views.
CORNERS = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.4, 0.4), (0.2, 0.2))
VIEWS = (WHOLE, *(Box(x, y, 0.6, 0.6) for x, y in CORNERS))
REDUCTION_PHOTOS = range(100, 500)
VIEWS_PER_DIM = 3

Say = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one model; the exit code: 0 done, 1 failed, 2 usage."""
    options = make_parser().parse_args(arguments)
    try:
        with _quiet() as say:
            convert(options, say)
    except EdgeAppError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # as a shell reports SIGINT
    return 0


def convert(options: argparse.Namespace, say: Say) -> None:
    """Build, export, check and write one model; what doesn't pass the check is not written."""
    _check_output(options.output)
    size_px, quantize, folder = options.input_size, options.quantize, options.photos
    calibration = learned_from = None
    if quantize == "int8":
        calibration = required_photos(folder, size_px, CALIBRATION_PHOTOS, "--quantize int8")
    if options.reduce:
        least = max(REDUCTION_PHOTOS.start, options.reduce * VIEWS_PER_DIM // len(VIEWS))
        count = range(least, max(least, REDUCTION_PHOTOS.stop))
        learned_from = required_photos(folder, size_px, count, "--reduce", VIEWS)
    pictures = _pictures_to_check(folder, size_px)
    tensorflow_version = import_tensorflow()

    weights = load_weights(options.weights, options.alpha, size_px, say)
    reduction = None
    if learned_from:
        extractor = make_extractor(weights.backbone)
        pooled = np.concatenate([extractor.predict_on_batch(views) for views in learned_from])
        reduction = learn_reduction(pooled, options.reduce)
    dtype = "uint8" if quantize == "int8" else "float32"
    model = make_extractor(weights.backbone, reduction, dtype, batch=1)
    dim = model.output_shape[-1]

    content = export(model, quantize, calibration)
    cosine = lowest_cosine(content, model, pictures)
    if not cosine >= LOWEST_COSINE[quantize]:  # so that NaN fails too
        raise ModelError(
            f"{DTYPE[quantize]} model differs from Keras: lowest cosine {cosine:.5f}, at least "
            f"{LOWEST_COSINE[quantize]} is required; nothing written, try another --quantize"
        )
    card = ModelCard(
        name=options.output.stem,
        architecture=options.arch,
        alpha=options.alpha,
        input_size_px=size_px,
        dim=dim,
        dtype=DTYPE[quantize],
        sha256=hashlib.sha256(content).hexdigest(),
        weights=weights.source,
        weights_licence=weights.licence,
        preprocess=PREPROCESS,
        tensorflow=tensorflow_version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    extra: dict[str, Any] = {"quantize": quantize}
    if reduction:
        extra["reduced_from"] = len(reduction.kernel)
    _write(options.output, content, asdict(card) | extra)
    say(
        f"{options.output}: {len(content) / 1e6:.1f} MB, {dim} dimensions, {card.dtype}, lowest "
        f"cosine to Keras {cosine:.5f}; weights: {weights.source}"
    )


def _pictures_to_check(folder: Path | None, size_px: int) -> Pixels:
    """Some of --photos, else of the default gallery, else generated pictures."""
    if folder:
        return np.concatenate(required_photos(folder, size_px, range(1, CHECK_PHOTOS), "--photos"))
    gallery = Config().gallery
    found = photos(gallery, size_px, CHECK_PHOTOS) if gallery.is_dir() else []
    return np.concatenate(found) if found else generated_pictures(CHECK_PHOTOS, size_px)


def _check_output(output: Path) -> None:
    """Say what is wrong with --output before any work is done."""
    if output.suffix != ".tflite":
        raise UsageError(f"--output {output} must end in .tflite")
    for path in (output, output.with_suffix(".json")):
        if path.is_dir():
            raise UsageError(f"--output: {path} is a folder")
    output.parent.mkdir(parents=True, exist_ok=True)


def _write(output: Path, content: bytes, card: dict[str, Any]) -> None:
    """Write the model and its card, both complete or neither."""
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".convert-") as folder:
        parts = Path(folder, "model"), Path(folder, "card")
        parts[0].write_bytes(content)
        parts[1].write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
        for part, path in zip(parts, (output, output.with_suffix(".json")), strict=True):
            part.replace(path)  # between the two, the card's SHA-256 tells that they don't match


@contextmanager
def _quiet() -> Iterator[Say]:
    """Discard what TensorFlow writes, from C++ too; yields what prints to standard error."""
    with os.fdopen(os.dup(2), "w") as stderr, open(os.devnull, "w") as nowhere:
        saved = os.dup(1), os.dup(2)
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield lambda line: print(line, file=stderr, flush=True)
        finally:
            sys.stdout.flush()
            for descriptor, copy in enumerate(saved, start=1):
                os.dup2(copy, descriptor)
                os.close(copy)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="convert_model.py", description="Make a TFLite image embedding model and its card."
    )
    add = parser.add_argument
    add("--arch", choices=["mobilenet_v2"], default="mobilenet_v2")
    add(
        "--alpha",
        type=_number(float, 0.1, 2.0),
        default=1.0,
        metavar="A",
        help="width of the network (default: %(default)s)",
    )
    add(
        "--input-size",
        type=_number(int, 32, 1024),
        default=224,
        metavar="PX",
        help="side of the square the model looks at (default: %(default)s)",
    )
    add(
        "--weights",
        default="auto",
        metavar="auto|imagenet|packaged|FILE",
        help="auto: Keras's ImageNet weights, the packaged ones where those can't be had",
    )
    add("--quantize", choices=list(DTYPE), default="none", help="int8 needs --photos")
    add("--photos", type=Path, metavar="DIR", help="photos to calibrate, learn and check on")
    add(
        "--reduce",
        type=_number(int, 2, 4096),
        metavar="DIM",
        help="reduce embeddings to DIM dimensions, learned on --photos",
    )
    add(
        "--output",
        type=Path,
        default=Config().model,
        metavar="models/NAME.tflite",
        help="the card goes beside it, as NAME.json (default: %(default)s)",
    )
    return parser


def _number(kind: type[float] | type[int], low: float, high: float) -> Callable[[str], float]:
    """An argument type: a number of that kind within the bounds."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
        return value

    return parse


if __name__ == "__main__":
    sys.exit(main())
