"""The steps from weights to a model on disk: learn, build, export, check, write."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from conversion.architectures import ARCHITECTURES
from conversion.export import cosines_to_keras, export
from conversion.labels import Labels, imagenet_labels
from conversion.network import Reduction, import_tensorflow, learn_reduction, make_extractor
from conversion.output import check_output, write
from conversion.photos import Photo, Pixels, check_pictures, required_photos
from conversion.weights import Weights, load_weights
from edge_app.config import Config
from edge_app.errors import ModelError, UsageError
from edge_app.model.card import ModelCard
from edge_app.photos.regions import PREPROCESS, WHOLE, Box

# By --quantize: the card's dtype, and the cosine to Keras that every photo of the check must reach.
DTYPE = {"none": "float32", "fp16": "float16", "int8": "int8"}
LOWEST_COSINE = {"none": 0.9999, "fp16": 0.999, "int8": 0.97}
CALIBRATION_PHOTOS = range(20, 100)  # at least, at most; 20 gave the cosines of 100

# Regions are searched too: learned from crops as well, a reduction finds more (docs/models.md).
CORNERS = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.4, 0.4), (0.2, 0.2))
VIEWS = (WHOLE, *(Box(x, y, 0.6, 0.6) for x, y in CORNERS))
REDUCTION_PHOTOS = range(100, 500)
VIEWS_PER_DIM = 3

Say = Callable[[str], None]


class Material(NamedTuple):
    """The photos of --photos, each read for what it is needed for."""

    calibration: list[Photo]
    learned_from: list[Photo]
    checked_with: Pixels


def convert(options: argparse.Namespace, say: Say) -> None:
    """Build, export, check and write one model; what doesn't pass the check is not written."""
    architecture = ARCHITECTURES[options.arch]
    if options.quantize not in DTYPE:
        raise UsageError(
            f"--quantize {options.quantize} is for networks with a text tower; of "
            f"{architecture.title} use int8"
        )
    options.input_size = options.input_size or architecture.size_px
    options.output = options.output or Config().model.with_name(f"{options.arch}.tflite")
    check_output(options.output)
    if options.alpha != 1.0 and not architecture.has_alpha:
        raise UsageError(f"--alpha: {architecture.title} has one width only")
    material = _read_photos(options)
    tensorflow_version = import_tensorflow()

    weights = load_weights(options.weights, architecture, options.alpha, options.input_size, say)
    reduction = None
    if options.reduce:
        extractor = make_extractor(weights.backbone, architecture.scaling)
        pooled = [extractor.predict_on_batch(photo.views) for photo in material.learned_from]
        reduction = learn_reduction(np.concatenate(pooled), options.reduce)
    dtype = "uint8" if options.quantize == "int8" else "float32"
    model = make_extractor(weights.backbone, architecture.scaling, reduction, dtype, batch=1)

    content = export(model, options.quantize, material.calibration, architecture.float_blocks)
    cosine = float(cosines_to_keras(content, model, material.checked_with).min())
    if not cosine >= LOWEST_COSINE[options.quantize]:  # so that NaN fails too
        raise ModelError(
            f"{DTYPE[options.quantize]} model differs from Keras: lowest cosine {cosine:.5f}, at "
            f"least {LOWEST_COSINE[options.quantize]} is required; nothing written, try another "
            "--quantize"
        )
    card = ModelCard(
        name=options.output.stem,
        architecture=options.arch,
        alpha=options.alpha,
        input_size_px=options.input_size,
        dim=model.output_shape[-1],
        dtype=DTYPE[options.quantize],
        sha256=hashlib.sha256(content).hexdigest(),
        weights=weights.source,
        weights_licence=weights.licence,
        preprocess=PREPROCESS,
        tensorflow=tensorflow_version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    record = {"quantize": options.quantize} | _record_of_learning(material, reduction)
    write(options.output, content, asdict(card) | record, _labels(weights, reduction, say))
    say(
        f"{options.output}: {len(content) / 1e6:.1f} MB, {card.dim} dimensions, {card.dtype}, "
        f"lowest cosine to Keras {cosine:.5f}; weights: {weights.source}"
    )


def _read_photos(options: argparse.Namespace) -> Material:
    """What the options need, or an error that says how many photos that would take."""
    folder, size_px = options.photos, options.input_size
    calibration: list[Photo] = []
    learned_from: list[Photo] = []
    if options.quantize == "int8":
        calibration = required_photos(folder, size_px, CALIBRATION_PHOTOS, "--quantize int8")
    if options.reduce:
        least = max(REDUCTION_PHOTOS.start, options.reduce * VIEWS_PER_DIM // len(VIEWS))
        count = range(least, max(least, REDUCTION_PHOTOS.stop))
        learned_from = required_photos(folder, size_px, count, "--reduce", VIEWS)
    return Material(calibration, learned_from, check_pictures(folder, size_px))


def _record_of_learning(material: Material, reduction: Reduction | None) -> dict[str, Any]:
    """For the card: what was learned, and from which photos, so that none is tested on."""
    record: dict[str, Any] = {}
    if reduction:
        record["reduction"] = {
            "from_dim": len(reduction.kernel),
            "explained_variance": round(reduction.explained_variance, 4),
            "photos": len(material.learned_from),
            "views": len(VIEWS),
        }
    contents = {photo.content for photo in material.learned_from + material.calibration}
    return record | ({"learned_from": sorted(contents)} if contents else {})


def _labels(weights: Weights, reduction: Reduction | None, say: Say) -> Labels | None:
    """The words of a model that has a classifier; None, and why, where it has no names for them."""
    if weights.head is None:
        return None
    try:
        return imagenet_labels(weights.head, reduction)
    except ModelError as error:
        say(f"{error}; the model is written without words")
        return None
