"""From a checkpoint to two towers on disk: build, export, check, write all or nothing."""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.clip.captions import CAPTIONS, ENOUGH, ORDINARY, captions_right, embed_texts
from conversion.clip.checkpoints import Checkpoint, find_checkpoint
from conversion.clip.network import Towers, make_towers
from conversion.clip.shapes import NETWORKS, Shape
from conversion.clip.tensors import read_tensors
from conversion.clip.vocabulary import make_vocab
from conversion.network import import_tensorflow
from conversion.photos import check_pictures
from edge_app.config import Config
from edge_app.errors import EdgeAppError, ModelError, UsageError
from edge_app.model.card import ModelCard
from edge_app.model.tokenizer import Tokenizer
from edge_app.photos.regions import CROP

# By --quantize: the card's dtype, and the cosine to Keras that every picture and text must reach.
DTYPE = {"none": "float32", "fp16": "float16", "dynamic": "int8"}
LOWEST_COSINE = {"none": 0.9999, "fp16": 0.999, "dynamic": 0.99}
# TensorFlow writes a newer version of one operator than tflite-runtime 2.14 knows.
DYNAMIC_RUNTIME = "ai-edge-litert"

Say = Callable[[str], None]
Run = Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]


def convert(options: argparse.Namespace, say: Say) -> None:
    """Both towers, the vocabulary and the card; what doesn't pass the checks is not written."""
    network = NETWORKS[options.arch]
    output = options.output or Config().model.with_name(f"{options.arch}.tflite")
    _refuse(options, output)
    output.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = find_checkpoint(options.weights, network, say)
    shape = checkpoint.shape
    vocab, vocab_licence = make_vocab(
        checkpoint.file.parent if checkpoint.file else None, shape.vocab
    )
    tensors = read_tensors(checkpoint.file) if checkpoint.file else None
    pictures = check_pictures(options.photos, shape.size_px).astype(np.float32)
    tensorflow_version = import_tensorflow()
    towers = make_towers(shape, tensors)

    tokens = Tokenizer(vocab)
    texts = np.array([tokens(caption, shape.length) for caption in CAPTIONS])
    image = _export(towers.image, options.quantize)
    text = _export(towers.text, options.quantize)
    lowest = {}
    for tower, content, model, inputs in (
        ("image", image, towers.image, pictures),
        ("text", text, towers.text, texts),
    ):
        lowest[tower] = _lowest_cosine(_runner(content), model, inputs)
        if not lowest[tower] >= LOWEST_COSINE[options.quantize]:  # so that NaN fails too
            raise ModelError(
                f"the {tower} tower differs from Keras: lowest cosine {lowest[tower]:.5f}, at "
                f"least {LOWEST_COSINE[options.quantize]} is required; nothing written, try "
                "another --quantize"
            )
    _check_captions(checkpoint, image, text, vocab, say)
    files = {
        output: image,
        output.with_suffix(".text.tflite"): text,
        output.with_suffix(".vocab"): vocab,
        output.with_suffix(".captions.npy"): _array(
            embed_texts(_runner(text), ORDINARY, vocab, shape)
        ),
    }
    card = _card(options, output, checkpoint, towers, files, vocab_licence, tensorflow_version)
    _write(files | {output.with_suffix(".json"): card}, output)
    say(
        f"{output}: {len(image) / 1e6:.1f} MB and {len(text) / 1e6:.1f} MB of text tower, "
        f"{shape.dim} dimensions, {DTYPE[options.quantize]}, lowest cosine to Keras "
        f"{min(lowest.values()):.5f}; weights: {checkpoint.source}"
    )


def _refuse(options: argparse.Namespace, output: Path) -> None:
    """Say what is wrong with the options before any work is done."""
    if output.suffix != ".tflite":
        raise UsageError(f"--output {output} must end in .tflite")
    for suffix in (".tflite", ".text.tflite", ".vocab", ".captions.npy", ".json"):
        if output.with_suffix(suffix).is_dir():
            raise UsageError(f"--output: {output.with_suffix(suffix)} is a folder")
    if options.quantize not in DTYPE:
        raise UsageError(
            f"--quantize {options.quantize} makes towers of --arch {options.arch} slower and "
            "worse; use dynamic, fp16 or none"
        )
    for name, given in (
        ("--alpha", options.alpha != 1.0),
        ("--reduce", options.reduce is not None),
        ("--input-size", options.input_size is not None),
    ):
        if given:
            raise UsageError(f"{name} can't be used with --arch {options.arch}")


def _export(model: Any, quantize: str) -> bytes:
    import tensorflow as tf

    signature = tf.TensorSpec(model.input_shape, model.input.dtype, model.input.name)
    computation = tf.function(model).get_concrete_function(signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([computation])
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def _runner(content: bytes) -> Run:
    """What runs a .tflite file of one input and one output, by TensorFlow's own interpreter."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(batch: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        interpreter.set_tensor(source["index"], batch)
        interpreter.invoke()
        result: npt.NDArray[np.float32] = interpreter.get_tensor(target["index"])
        return result

    return run


def _lowest_cosine(run: Run, model: Any, inputs: npt.NDArray[Any]) -> float:
    cosines = []
    for row in inputs[:, np.newaxis]:
        lite, keras = run(row)[0], model.predict_on_batch(row)[0]
        cosines.append(lite @ keras / (np.linalg.norm(lite) * np.linalg.norm(keras)))
    return float(np.min(cosines))


def _check_captions(
    checkpoint: Checkpoint, image: bytes, text: bytes, vocab: bytes, say: Say
) -> None:
    """Official weights have to understand; what others do is told."""
    if checkpoint.file is None:
        return
    try:
        right = captions_right(_runner(image), _runner(text), vocab, checkpoint.shape)
    except EdgeAppError as error:
        say(f"the captions were not checked: {error}")
        return
    wrong = [caption for caption in CAPTIONS if caption not in right]
    told = f"{len(right)} of {len(CAPTIONS)} captions find the right photo" + (
        f", not {', '.join(map(repr, wrong))}" if wrong else ""
    )
    if checkpoint.official and len(right) < ENOUGH:
        raise ModelError(f"{told}; at least {ENOUGH} are required, nothing written")
    say(told if len(right) >= ENOUGH else f"warning: {told}; {ENOUGH} would be usual")


def _card(
    options: argparse.Namespace,
    output: Path,
    checkpoint: Checkpoint,
    towers: Towers,
    files: dict[Path, bytes],
    vocab_licence: str,
    tensorflow_version: str,
) -> bytes:
    hashes = {path.name: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    image, text, vocab, captions = (path.name for path in files)
    shape: Shape = checkpoint.shape
    card = ModelCard(
        name=output.stem,
        architecture=options.arch,
        input_size_px=shape.size_px,
        dim=shape.dim,
        dtype=DTYPE[options.quantize],
        sha256=hashes[image],
        weights=checkpoint.source,
        weights_licence=checkpoint.licence,
        preprocess=CROP,
        needs_runtime=DYNAMIC_RUNTIME if options.quantize == "dynamic" else None,
        text={
            "file": text,
            "sha256": hashes[text],
            "vocab": vocab,
            "vocab_sha256": hashes[vocab],
            "vocab_licence": vocab_licence,
            "captions": captions,
            "captions_sha256": hashes[captions],
            "tokens": shape.vocab,
            "length": shape.length,
        },
        tensorflow=tensorflow_version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    record = {
        "quantize": options.quantize,
        "weights_sha256": checkpoint.sha256,
        "score_scale": round(towers.logit_scale, 4),
        "shape": shape._asdict() | {"image": shape.image._asdict(), "text": shape.text._asdict()},
    }
    return (json.dumps(asdict(card) | record, indent=2, ensure_ascii=False) + "\n").encode()


def _array(array: npt.NDArray[np.float32]) -> bytes:
    content = BytesIO()
    np.save(content, array)
    return content.getvalue()


def _write(files: dict[Path, bytes], output: Path) -> None:
    """All complete or none; the card comes last: until then, its hashes tell what doesn't match."""
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".convert-") as folder:
        for path, content in files.items():
            Path(folder, path.name).write_bytes(content)
        for path in files:
            Path(folder, path.name).replace(path)
    output.with_suffix(".labels.npz").unlink(missing_ok=True)
