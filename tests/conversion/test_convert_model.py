"""convert_model: what it makes runs in either runtime and says what it is; what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import convert_model
from conversion.photos import all_views, photos
from edge_app.model.card import ModelCard
from edge_app.model.embed import Embedder
from edge_app.photos.regions import PREPROCESS
from tests.model.test_embed import installed
from tools.testing.pictures import save

ROOT = Path(__file__).parents[2]
SIZE_PX = 96  # a fifth of the work of 224, and the same graph


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 different pictures and two files that are none."""
    folder = tmp_path_factory.mktemp("gallery")
    for seed in range(100):
        save(folder / f"{seed:03}.jpg", seed, width_px=160, height_px=120)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (folder / "empty.png").touch()
    return folder


# --- what is wrong with a command is said before anything is done ---------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--alpha", "0"],
        ["--alpha", "nan"],
        ["--alpha", "wide"],
        ["--input-size", "31"],
        ["--input-size", "96.5"],
        ["--quantize", "int4"],
        ["--arch", "resnet50"],
        ["--reduce", "1"],
    ],
    ids=" ".join,
)
def test_values_out_of_range_are_usage_errors(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        convert_model.main(arguments)
    assert exit.value.code == 2
    assert arguments[0] in capsys.readouterr().err.splitlines()[-1]


def test_copies_of_a_photo_count_as_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "photos/0.png", 0)
    for copy in range(1, 30):
        shutil.copy(tmp_path / "photos/0.png", tmp_path / f"photos/{copy}.png")
    output = ["--output", str(tmp_path / "model.tflite")]
    calibrated = ["--quantize", "int8", "--photos", str(tmp_path / "photos")]
    assert convert_model.main(output + calibrated) == 1
    assert "has 1 readable photos; --quantize int8 needs 20" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--output", "{tmp}/model.bin"], 2, "must end in .tflite"),
        (["--output", "{tmp}/folder.tflite"], 2, "is a folder"),
        (["--output", "{tmp}/file/model.tflite"], 1, "{tmp}/file"),
        (["--quantize", "int8"], 2, "--quantize int8 needs --photos DIR with at least 20 photos"),
        (["--reduce", "256"], 2, "--reduce needs --photos DIR with at least 128 photos"),
        (["--photos", "{tmp}/nowhere"], 1, "{tmp}/nowhere is not a folder"),
        (["--photos", "{tmp}"], 1, "has 0 readable photos; --photos needs 1"),
        (
            ["--quantize", "int8", "--photos", "{tmp}"],
            1,
            "has 0 readable photos; --quantize int8 needs 20",
        ),
        (
            ["--reduce", "512", "--photos", "{gallery}"],
            1,
            "has 100 readable photos; --reduce needs 256",
        ),
    ],
)
def test_an_error_is_one_line(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    gallery: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "folder.tflite").mkdir()
    (tmp_path / "file").touch()
    places = {"tmp": tmp_path, "gallery": gallery}
    output = ["--output", str(tmp_path / "model.tflite")]
    assert convert_model.main(output + [word.format(**places) for word in arguments]) == code
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said.format(**places) in line
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed here")
def test_without_tensorflow_it_says_what_has_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert convert_model.main(["--output", str(tmp_path / "model.tflite")]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "make model" in line


def test_the_options_are_documented() -> None:
    text = (ROOT / "docs/models.md").read_text()
    for action in convert_model.make_parser()._actions:
        assert action.dest == "help" or f"`{action.option_strings[-1]}" in text


# --- the models, made with TensorFlow -------------------------------------------------------------

FLOWERS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
UNTRAINED = {
    "mobilenet_v3_small": 576,
    "mobilenet_v3_large": 960,
    "resnet50v2": 2048,
    "efficientnet_v2_b0": 1280,
}  # and their dimensions


class Made(NamedTuple):
    """By name: where each model was to be written, and how its conversion ended."""

    outputs: dict[str, Path]
    results: dict[str, dict[str, Any]]
    scaling: dict[str, float]  # by architecture, how far it is from Keras's own


def make(build_python: str, folder: Path, arguments: dict[str, list[str]]) -> Made:
    """Run convert_model.py with each of the arguments, in one process of TensorFlow."""
    outputs = {name: folder / f"{name}.tflite" for name in arguments}
    common = ["--input-size", str(SIZE_PX), "--output"]
    runs = [[*words, *common, str(outputs[name])] for name, words in arguments.items()]
    done = subprocess.run(
        [build_python, str(ROOT / "tests/build_models.py"), str(folder)],
        input=json.dumps(runs),
        env={**os.environ, "KERAS_HOME": str(folder / "keras")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    return Made(outputs, dict(zip(arguments, said["results"], strict=True)), said["scaling"])


@pytest.fixture(scope="module")
def untrained(build_python: str, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The networks without packaged weights."""
    arguments = {name: ["--arch", name, "--weights", "random"] for name in UNTRAINED}
    return make(build_python, tmp_path_factory.mktemp("untrained"), arguments)


@pytest.fixture(scope="module")
def made(build_python: str, gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The networks with packaged weights, and what goes wrong."""
    folder = tmp_path_factory.mktemp("models")
    packaged = ["--weights", "packaged", "--photos", str(gallery)]
    narrow = ["--alpha", "0.35", "--weights"]
    arguments = {
        "float32": ["--quantize", "none"],  # --weights auto, without a network
        "lite0": ["--arch", "efficientnet_lite0"],
        "lite0 int8": [*packaged, "--arch", "efficientnet_lite0", "--quantize", "int8"],
        "lite1": ["--arch", "efficientnet_lite1"],
        "lite2": ["--arch", "efficientnet_lite2"],
        "lite1 int8": [*packaged, "--arch", "efficientnet_lite1", "--quantize", "int8"],
        "float16": [*packaged, "--quantize", "fp16"],
        "int8": [*packaged, "--quantize", "int8"],
        "reduced": [*packaged, "--reduce", "32"],
        "cached": [*narrow, "imagenet"],
        "file": [*narrow, str(folder / "narrow.weights.h5")],
        "unchecked": ["!impossible", *narrow, str(folder / "narrow.weights.h5")],
        "offline": ["--weights", "imagenet"],
        "no packaged": ["--alpha", "0.5"],
        "another alpha": ["--weights", str(folder / "narrow.weights.h5")],
        "text": ["--weights", __file__],
        "no file": ["--weights", str(folder / "none.h5")],
        "one width": ["--arch", "resnet50v2", "--alpha", "0.5"],
        "not Keras's": ["--arch", "efficientnet_lite0", "--weights", "imagenet"],
        "not packaged": ["--arch", "resnet50v2", "--weights", "packaged"],
    }
    return make(build_python, folder, arguments)


def card_of(made: Made, name: str) -> dict[str, Any]:
    output, result = made.outputs[name], made.results[name]
    assert result["code"] == 0, result["errors"]
    card: dict[str, Any] = json.loads(output.with_suffix(".json").read_text())
    assert card["sha256"] == hashlib.sha256(output.read_bytes()).hexdigest()
    return card


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("float32", {"dtype": "float32", "quantize": "none", "alpha": 1.0, "dim": 1280}),
        ("float16", {"dtype": "float16", "quantize": "fp16", "alpha": 1.0, "dim": 1280}),
        ("int8", {"dtype": "int8", "quantize": "int8", "alpha": 1.0, "dim": 1280}),
        ("reduced", {"dtype": "float32", "dim": 32}),
        ("cached", {"dtype": "float32", "alpha": 0.35, "dim": 1280}),
        ("lite0", {"dtype": "float32", "architecture": "efficientnet_lite0", "dim": 1280}),
        ("lite0 int8", {"dtype": "int8", "architecture": "efficientnet_lite0", "dim": 1280}),
        ("lite1", {"dtype": "float32", "architecture": "efficientnet_lite1", "dim": 1280}),
        ("lite2", {"dtype": "float32", "architecture": "efficientnet_lite2", "dim": 1280}),
        ("lite1 int8", {"dtype": "int8", "architecture": "efficientnet_lite1", "dim": 1280}),
    ],
)
def test_the_card_says_what_the_model_is(made: Made, name: str, says: dict[str, object]) -> None:
    card = card_of(made, name)
    common = {"name": name, "architecture": "mobilenet_v2", "input_size_px": SIZE_PX}
    assert card | common | says == card
    assert card["preprocess"] == PREPROCESS
    assert card["tensorflow"].startswith("2.")
    ModelCard.load(made.outputs[name])


@pytest.mark.model
@pytest.mark.slow
def test_the_card_says_plainly_which_weights(made: Made) -> None:
    packaged = card_of(made, "float32")
    assert "last 30 layers then tuned on dogs" in packaged["weights"]
    assert packaged["weights_licence"] == "MIT"
    imagenet = card_of(made, "cached")
    assert "MobileNetV2 0.35 trained on ImageNet" in imagenet["weights"]
    assert imagenet["weights_licence"] == "Apache License 2.0"
    file = made.outputs["file"].parent / "narrow.weights.h5"
    assert hashlib.sha256(file.read_bytes()).hexdigest() in card_of(made, "file")["weights"]


@pytest.mark.model
@pytest.mark.slow
def test_the_same_weights_give_the_same_embeddings(made: Made, gallery: Path) -> None:
    """From Keras's cache and from a file in Keras's newer format, every tensor in its place."""
    pixels = all_views(photos(gallery, SIZE_PX, 2))
    for name in ("cached", "file"):
        card_of(made, name)
    cached, file = (Embedder(made.outputs[name]).embed(pixels) for name in ("cached", "file"))
    assert np.allclose(cached, file, atol=1e-6)


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("runtime", installed())
@pytest.mark.parametrize(
    ("name", "cosine"), [("float32", 0.99999), ("float16", 0.999), ("int8", 0.95)]
)
def test_every_dtype_embeds_alike_in_every_runtime(
    made: Made, gallery: Path, runtime: str, name: str, cosine: float
) -> None:
    """Against float32 in the first runtime; int8 is less sure of 96 px than of 224."""
    pixels = all_views(photos(gallery, SIZE_PX, 10))
    card_of(made, name)
    expected = Embedder(made.outputs["float32"], runtime=installed()[0]).embed(pixels)
    embedder = Embedder(made.outputs[name], runtime=runtime)
    assert ((embedder.embed(pixels) * expected).sum(axis=1) > cosine).all()
    assert embedder.identity.runtime == (embedder.runtime if name == "int8" else "any")


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("runtime", installed())
def test_a_reduced_model_keeps_who_is_near(made: Made, gallery: Path, runtime: str) -> None:
    pixels = all_views(photos(gallery, SIZE_PX, 100))
    card_of(made, "reduced")
    full, reduced = (
        Embedder(made.outputs[name], runtime=runtime).embed(pixels)
        for name in ("float32", "reduced")
    )
    scores = [vectors @ vectors.T - 2 * np.eye(len(vectors)) for vectors in (full, reduced)]
    places = np.argsort(-scores[1], axis=1).argsort(axis=1)
    place = places[np.arange(len(pixels)), scores[0].argmax(axis=1)]
    assert np.median(place) < 5  # of 99: the nearest in 1280 dimensions is near in 32 too


@pytest.mark.model
@pytest.mark.slow
def test_without_a_network_the_packaged_weights_are_taken_and_it_says_so(made: Made) -> None:
    fallback, summary = made.results["float32"]["errors"]
    assert "ImageNet weights are not available: no answer from 127.0.0.1:9" in fallback
    assert "using the packaged weights" in fallback
    assert summary.startswith(f"{made.outputs['float32']}: ")


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unchecked", "float32 model differs from Keras: lowest cosine "),
        ("offline", "ImageNet weights are not available"),
        ("no packaged", "packaged weights exist only for --alpha 1.0"),
        ("another alpha", "check --arch and --alpha"),
        ("text", "can't be read"),
        ("no file", "no such file"),
        ("one width", "--alpha: ResNet50V2 has one width only"),
        ("not Keras's", "Keras has no EfficientNet-Lite0; use --weights packaged"),
        ("not packaged", "no packaged weights of ResNet50V2 are known"),
    ],
)
def test_a_failed_conversion_says_why_and_leaves_nothing(made: Made, name: str, said: str) -> None:
    output, result = made.outputs[name], made.results[name]
    assert result["code"] == (2 if name == "one width" else 1)
    (line,) = result["errors"]
    assert line.startswith("error: ")
    assert said in line
    assert not list(output.parent.glob(f"{name}.*"))
    assert not list(output.parent.glob(".convert-*"))


@pytest.mark.model
@pytest.mark.slow
def test_the_card_records_what_was_learned_and_from_which_photos(made: Made, gallery: Path) -> None:
    card = card_of(made, "reduced")
    assert {"from_dim": 1280, "photos": 100, "views": 6}.items() <= card["reduction"].items()
    assert 0.5 < card["reduction"]["explained_variance"] < 1
    contents = {photo.content for photo in photos(gallery, SIZE_PX, 1000)}
    assert set(card["learned_from"]) == contents
    assert set(card_of(made, "int8")["learned_from"]) <= contents
    assert "learned_from" not in card_of(made, "float16")


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("name", ["lite0", "lite1", "lite2"])
def test_a_word_finds_the_photos_that_show_it(made: Made, flowers: Path, name: str) -> None:
    """Daisy is one of ImageNet's classes; the other four flowers are none. A word without meaning
    would put 6 daisies or more among the best 10 once in 250 times."""
    card = card_of(made, name)
    model = made.outputs[name]
    with np.load(model.with_name(card["labels"]["file"]), allow_pickle=False) as labels:
        (daisy,) = labels["vectors"][labels["words"] == "daisy"]
    kinds = {kind: all_views(photos(flowers / kind, SIZE_PX, 20)) for kind in FLOWERS}
    scores = {kind: Embedder(model).embed(pixels) @ daisy for kind, pixels in kinds.items()}
    best = sorted(((score, kind) for kind in FLOWERS for score in scores[kind]), reverse=True)
    assert [kind for _, kind in best[:10]].count("daisy") >= 6


@pytest.mark.model
@pytest.mark.slow
def test_a_network_is_made_at_its_own_size_and_named_after_itself(
    build_python: str, flowers: Path, tmp_path: Path
) -> None:
    """Another model that stands in models/ is not overwritten."""
    command = [build_python, str(ROOT / "convert_model.py"), "--arch", "efficientnet_lite2"]
    command += ["--quantize", "int8", "--photos", str(flowers), "--weights", "packaged"]
    (tmp_path / "models").mkdir()
    other = tmp_path / "models/mobilenet_v2.tflite"
    other.write_bytes(b"another model")
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    made = tmp_path / "models/efficientnet_lite2.tflite"
    card = ModelCard.load(made)
    assert (card.name, card.input_size_px, card.dtype) == ("efficientnet_lite2", 260, "int8")
    assert card.labels is not None
    assert other.read_bytes() == b"another model"


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize(("name", "dim"), UNTRAINED.items())
def test_an_untrained_network_has_its_shape_and_says_what_it_is(
    untrained: Made, name: str, dim: int, gallery: Path
) -> None:
    """That TFLite computes what Keras does was checked before it was written."""
    card = card_of(untrained, name)
    assert "untrained" in card["weights"]
    assert card["labels"] is None
    pixels = all_views(photos(gallery, SIZE_PX, 2))
    assert Embedder(untrained.outputs[name]).embed(pixels).shape == (len(pixels), dim)


@pytest.mark.model
@pytest.mark.slow
def test_a_network_is_given_what_keras_would_give_it(untrained: Made) -> None:
    assert {*UNTRAINED, "mobilenet_v2"} == untrained.scaling.keys()
    assert max(untrained.scaling.values()) < 1e-5


@pytest.mark.model
def test_the_default_model_has_its_card(model: Path) -> None:
    card = json.loads(model.with_suffix(".json").read_text())
    assert card["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert card["preprocess"] == PREPROCESS
    assert card["weights"]
    assert card["weights_licence"]
