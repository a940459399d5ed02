"""Two towers: what conversion makes of a checkpoint, against the network written down in NumPy."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import convert_model
from conversion.clip.captions import CAPTIONS
from conversion.clip.checkpoints import OFFICIAL
from conversion.clip.shapes import NETWORKS
from edge_app.errors import ModelError
from edge_app.model.card import ModelCard
from edge_app.model.embed import Embedder
from edge_app.model.text import TextTower
from edge_app.model.tokenizer import HEADER, Tokenizer
from edge_app.photos.regions import CROP
from tests import tinyclip
from tests.model.test_embed import installed
from tools.testing.pictures import picture

ROOT = Path(__file__).parents[2]


class Made(NamedTuple):
    """By name: where each model was to be written, and how its conversion ended."""

    outputs: dict[str, Path]
    results: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def made(build_python: str, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("clip")
    tensors = tinyclip.make_tensors()
    file = tinyclip.save(folder / "transformers")
    tinyclip.save(folder / "gelu", activation="gelu")
    half: dict[str, Any] = {name: tensor.astype(np.float16) for name, tensor in tensors.items()}
    half["text_model.embeddings.position_ids"] = np.arange(tinyclip.LENGTH, dtype=np.int64)
    tinyclip.save(folder / "half", half)
    openclip = tinyclip.save(folder / "openclip", tinyclip.as_openclip(tensors)).parent
    (openclip / "config.json").unlink()
    text = json.dumps(tinyclip.openclip_config())
    (openclip / "open_clip_config.json").write_text(text)
    tinyclip.save(folder / "left over", tensors | {"visual.extra": np.zeros(3, np.float32)})
    missing = {name: tensor for name, tensor in tensors.items() if "fc1.bias" not in name}
    tinyclip.save(folder / "missing", missing)
    wide = tensors | {"text_projection.weight": np.zeros((tinyclip.DIM + 1, 16), np.float32)}
    tinyclip.save(folder / "wide", wide)
    weights = {
        **{name: folder / name for name in ("gelu", "half", "openclip")},
        **{name: folder / name for name in ("left over", "missing", "wide")},
        **dict.fromkeys(("none", "fp16", "dynamic"), file),
    }
    outputs = {name: folder / "models" / f"{name}.tflite" for name in weights}
    runs = []
    for name, path in weights.items():
        words = ["--arch", "clip", "--weights", str(path), "--output", str(outputs[name])]
        runs.append(words + (["--quantize", name] if name in ("fp16", "dynamic") else []))
    done = subprocess.run(
        [build_python, str(ROOT / "tests/build_clip.py")],
        input=json.dumps(runs),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Made(outputs, dict(zip(weights, json.loads(done.stdout), strict=True)))


def card_of(made: Made, name: str) -> dict[str, Any]:
    output, result = made.outputs[name], made.results[name]
    assert result["code"] == 0, result["errors"]
    card: dict[str, Any] = json.loads(output.with_suffix(".json").read_text())
    return card


def vocab() -> bytes:
    return "\n".join([HEADER, *tinyclip.MERGES, ""]).encode()


LEAST = {"none": 0.9999, "fp16": 0.999, "dynamic": 0.99, "gelu": 0.9999, "openclip": 0.9999}


@pytest.mark.slow
@pytest.mark.parametrize("runtime", installed())
@pytest.mark.parametrize("name", LEAST)
def test_both_towers_compute_what_the_network_does(made: Made, runtime: str, name: str) -> None:
    card_of(made, name)
    output, activation = made.outputs[name], "gelu" if name == "gelu" else "quick_gelu"
    if name == "dynamic" and runtime != "ai-edge-litert":
        with pytest.raises(ModelError, match="needs the runtime ai-edge-litert, not tflite"):
            Embedder(output, runtime=runtime)
        return
    tensors, tokens = tinyclip.make_tensors(), Tokenizer(vocab())
    pixels = np.stack([np.asarray(picture(seed, 32, 32)) for seed in range(3)])
    expected = [tinyclip.embed_image(tensors, view.astype(float), activation) for view in pixels]
    texts = tinyclip.TEXTS
    rows = [tokens(text, tinyclip.LENGTH) for text in texts]
    expected += [tinyclip.embed_text(tensors, row, activation) for row in rows]
    tower = TextTower(output, runtime)
    actual = [*Embedder(output, runtime=runtime).embed(pixels), *map(tower.vector, texts)]
    cosines = [
        one @ other / np.linalg.norm(one) for one, other in zip(expected, actual, strict=True)
    ]
    assert min(cosines) >= LEAST[name]


@pytest.mark.slow
def test_half_precision_and_counted_positions_are_read(made: Made) -> None:
    card_of(made, "half")
    cosine = TextTower(made.outputs["half"]).vector("a dog") @ TextTower(
        made.outputs["none"]
    ).vector("a dog")
    assert cosine > 0.999


@pytest.mark.slow
def test_the_card_names_every_file_by_its_hash(made: Made) -> None:
    card, output = card_of(made, "dynamic"), made.outputs["dynamic"]
    text = card["text"]
    for name, sha256 in (
        (output.name, card["sha256"]),
        (text["file"], text["sha256"]),
        (text["vocab"], text["vocab_sha256"]),
    ):
        assert hashlib.sha256((output.parent / name).read_bytes()).hexdigest() == sha256
    assert (text["length"], text["tokens"]) == (tinyclip.LENGTH, tinyclip.VOCAB)
    assert card["dtype"] == "int8" and card["quantize"] == "dynamic"
    assert card["needs_runtime"] == "ai-edge-litert"
    assert card["preprocess"] == CROP and card["dim"] == tinyclip.DIM
    assert card["score_scale"] == pytest.approx(np.exp(4.6), rel=1e-4)
    assert card["weights_sha256"] in card["weights"]
    assert card["weights_licence"] == "that of the file, not known"
    ModelCard.load(output)


@pytest.mark.slow
def test_random_numbers_understand_no_captions_and_it_says_so(made: Made) -> None:
    *_, warned, summary = made.results["none"]["errors"]
    assert "warning: " in warned and f"of {len(CAPTIONS)} captions" in warned
    assert "lowest cosine to Keras" in summary


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("left over", "nothing here uses visual.extra"),
        ("missing", "vision_model.encoder.layers.0.mlp.fc1.bias is missing"),
        ("wide", "text_projection.weight has shape (25, 16), (24, 16) is needed"),
    ],
)
def test_a_checkpoint_that_does_not_fit_leaves_nothing(made: Made, name: str, said: str) -> None:
    output, result = made.outputs[name], made.results[name]
    assert result["code"] == 1
    (line,) = result["errors"]
    assert line.startswith("error: ") and said in line
    assert not list(output.parent.glob(f"{name}.*"))
    assert not list(output.parent.glob(".convert-*"))


# --- what is wrong with a command or a checkpoint is said before TensorFlow is asked --------------


def spoilt(folder: Path, how: str) -> Path:
    """A checkpoint with one fault."""
    file = tinyclip.save(folder / "checkpoint")
    content, config = file.read_bytes(), folder / "checkpoint/config.json"
    sizes = json.loads(config.read_text())
    match how:
        case "truncated":
            file.write_bytes(content[: len(content) // 2])
        case "header lies":
            file.write_bytes(struct.pack("<Q", 1 << 60) + content[8:])
        case "empty":
            file.write_bytes(b"")
        case "not finite":
            tensors = tinyclip.make_tensors()
            tensors["logit_scale"] = np.array(np.nan, np.float32)
            file.write_bytes(tinyclip.safetensors_of(tensors))
        case "no config":
            config.unlink()
        case "config is text":
            config.write_text("hello")
        case "config is another's":
            config.write_text('{"model_type": "bert"}')
        case "size 0":
            config.write_text(json.dumps(sizes | {"projection_dim": 0}))
        case "activation":
            for tower in ("vision_config", "text_config"):
                sizes[tower]["hidden_act"] = "relu"
            config.write_text(json.dumps(sizes))
        case "vocab":
            path = folder / "checkpoint/merges.txt"
            path.write_text("\n".join(path.read_text().splitlines()[:-1]))
        case "no merges":
            (folder / "checkpoint/merges.txt").unlink()
        case "two files":
            shutil.copy(file, file.with_name("other.safetensors"))
    return folder / "checkpoint"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("truncated", "can't be read as safetensors"),
        ("header lies", "can't be read as safetensors"),
        ("empty", "can't be read as safetensors"),
        ("not finite", "logit_scale has NaN or infinite numbers"),
        ("no config", "has no config.json or open_clip_config.json"),
        ("config is text", "does not describe a CLIP network"),
        ("config is another's", "does not describe a CLIP network: has no 'vision_config'"),
        ("size 0", "its sizes are"),
        ("activation", "has the activation 'relu'"),
        ("vocab", f"makes {tinyclip.VOCAB - 1} tokens, the checkpoint has {tinyclip.VOCAB}"),
        ("no merges", "copy its merges.txt next to it"),
        ("two files", "has model.safetensors, other.safetensors"),
    ],
)
def test_a_spoilt_checkpoint_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], how: str, said: str
) -> None:
    checkpoint, output = spoilt(tmp_path, how), tmp_path / "models/model.tflite"
    arguments = ["--arch", "clip", "--weights", str(checkpoint), "--output", str(output)]
    assert convert_model.main(arguments) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--arch", "clip_vit_b32", "--weights", "tinyclip"], "is not of CLIP ViT-B/32"),
        (["--arch", "clip_vit_b16"], "no official weights of CLIP ViT-B/16 are known"),
        (["--arch", "clip", "--weights", "random"], "has no sizes without a checkpoint"),
        (["--arch", "clip_vit_b32", "--quantize", "int8"], "use dynamic, fp16 or none"),
        (["--arch", "clip_vit_b32", "--alpha", "0.5"], "--alpha can't be used"),
        (["--arch", "clip_vit_b32", "--reduce", "64"], "--reduce can't be used"),
        (["--arch", "clip_vit_b32", "--input-size", "96"], "--input-size can't be used"),
        (["--quantize", "dynamic"], "is for networks with a text tower"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert convert_model.main([*arguments, "--output", str(tmp_path / "model.tflite")]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line


def test_a_checkpoint_of_another_shape_is_refused_by_its_config(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tinyclip.save(tmp_path)
    output = ["--output", str(tmp_path / "model.tflite")]
    assert (
        convert_model.main(["--arch", "clip_vit_b32", "--weights", str(checkpoint), *output]) == 1
    )
    (line,) = capfd.readouterr().err.splitlines()
    assert "is not a CLIP ViT-B/32: size_px is 32, not 224" in line


def test_every_official_checkpoint_is_pinned_and_has_a_licence() -> None:
    named = [name for network in NETWORKS.values() for name in network.weights]
    assert sorted(named) == sorted(OFFICIAL)
    for official in OFFICIAL.values():
        assert len(official.revision) == 40
        assert official.sha256 is None or len(official.sha256) == 64
        assert official.licence.startswith("MIT")
