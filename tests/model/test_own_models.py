"""Models people bring along: what can be used with a card written by hand, and what is refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import convert_model
from edge_app.cli.arguments import main
from edge_app.cli.commands.info import describe
from edge_app.config import Config
from edge_app.errors import ModelError
from edge_app.model.card import ModelCard
from edge_app.model.embed import Embedder
from tests.build_odd_models import DIM, MEAN, SIZE_PX, STD
from tests.model.test_embed import installed, pixels
from tools.testing.pictures import save

pytestmark = [pytest.mark.model, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
LEAST = 0.97  # cosine of a model that has 8 bits for what it gives
TORCH: dict[str, Any] = {"mean": list(MEAN), "std": list(STD)}

With = Callable[..., Path]


@pytest.fixture
def with_card(odd_models: Path, tmp_path: Path) -> With:
    """Copies a model, and writes its card with some fields changed."""

    def copy(name: str, **changed: Any) -> Path:
        model = tmp_path / f"{name}.tflite"
        shutil.copy(odd_models / model.name, model)
        sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
        card = {"name": name, "input_size_px": SIZE_PX, "dim": DIM, "dtype": "float32"}
        model.with_suffix(".json").write_text(json.dumps(card | {"sha256": sha256} | changed))
        return model

    return copy


def expected(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What build_odd_models.py has its models compute, as unit rows."""
    cells = images.reshape(len(images), 4, 4, 4, 4, 3).mean(axis=(2, 4)).reshape(len(images), 48)
    vectors = cells @ np.random.default_rng(3).normal(size=(48, DIM)).astype(np.float32)
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


# --- what can be used -----------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", installed())
@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("plain", {}),
        ("open batch", {}),
        ("channels first", {}),
        ("bgr", {"channels": "BGR"}),
        ("normalized", TORCH),
        ("normalized bgr", {"channels": "BGR", "mean": MEAN[::-1], "std": STD[::-1]}),
        ("four sides", {}),
        ("uint8", {}),
        ("classifier", {"output": "Identity_1"}),
        ("half", {"dtype": "float16"}),
    ],
)
def test_every_way_in_and_out_gives_the_same_embeddings(
    with_card: With, name: str, card: dict[str, Any], runtime: str
) -> None:
    vectors = Embedder(with_card(name, **card), runtime=runtime).embed(pixels(5, SIZE_PX))
    assert np.allclose(vectors, expected(pixels(5, SIZE_PX)), atol=2e-3)


@pytest.mark.parametrize(
    ("arguments", "output", "dim"),
    [([], "Identity_1", DIM), (["--output-tensor", "Identity"], "Identity", 3)],
)
def test_wrapping_takes_the_longest_of_several_outputs_or_the_one_that_is_named(
    with_card: With, arguments: list[str], output: str, dim: int
) -> None:
    model = with_card("classifier")
    model.with_suffix(".json").unlink()
    wrap = ["--wrap", str(model), "--input-range=0,255", *arguments]
    assert convert_model.main(wrap) == 0
    card = ModelCard.load(model)
    assert (card.output, card.dim) == (output, dim)
    assert Embedder(model).embed(pixels(2, SIZE_PX)).shape == (2, dim)


@pytest.mark.parametrize("runtime", installed())
@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("quantized uint8", 127.5, 127.5),
        ("quantized int8", 127.5, 127.5),
        ("quantized int8", 128, 128),  # the pixel less 128, near enough
    ],
)
def test_a_quantized_input_adds_its_scale_and_zero_point(
    with_card: With, name: str, mean: float, std: float, runtime: str
) -> None:
    model = with_card(name, dtype="int8", mean=mean, std=std)
    embedder = Embedder(model, runtime=runtime)
    vectors = embedder.embed(pixels(5, SIZE_PX))
    assert ((vectors * expected(pixels(5, SIZE_PX))).sum(axis=1) > LEAST).all()
    assert embedder.identity.runtime == embedder.runtime


def test_another_scaling_gives_other_embeddings_and_another_identity(with_card: With) -> None:
    right = Embedder(with_card("normalized", **TORCH))
    wrong = Embedder(with_card("normalized", mean=127.5, std=127.5))
    images = pixels(1, SIZE_PX)
    assert not np.allclose(right.embed(images), wrong.embed(images), atol=0.01)
    assert right.identity != wrong.identity


def test_photos_are_indexed_and_searched_with_it(
    with_card: With, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = tmp_path / "library"
    for seed in range(3):
        save(library / f"{seed}.png", seed)
    where = ["--gallery", library, "--index", tmp_path / "index", "--model"]
    options = [str(word) for word in (*where, with_card("channels first"), "--json")]
    assert main(["index", *options]) == 0
    capsys.readouterr()
    assert main(["search", str(library / "1.png"), *options, "--box", "0,0,1,0.9"]) == 0
    assert len(json.loads(capsys.readouterr().out)["matches"]) == 2


# --- what is refused, with what was found and what was expected -----------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gray", r"takes pixels \(1, 16, 16, 1\) float32; it must take one square RGB image"),
        ("oblong", r"takes pixels \(1, 16, 24, 3\) float32; it must .*\(1, s, s, 3\)"),
        ("channels between", r"takes pixels \(1, 16, 3, 16\) float32; it must .*\(1, 3, s, s\)"),
        ("flat", r"takes pixels \(1, 768\) float32; it must"),
        ("any size", r"takes pixels \(1, -1, -1, 3\) float32; it must .* of fixed size"),
        ("int32", r"takes pixels \(1, 16, 16, 3\) int32; it must .*float32 or uint8 or int8"),
        ("two images", r"takes left .* and right .*; it must take one"),
        ("map", r"gives Identity \(1, 4, 4, 3\) float32; it must give one vector"),
        ("class number", r"gives Identity \(1,\) int64; it must give one vector"),
        ("one number", r"gives Identity \(1, 1\) float32; it must give one vector"),
        ("classifier", r'gives Identity \(1, 3\).* and Identity_1 \(1, 8\).*"output": "Identity'),
        ("not a number", "NaN"),
        ("constant", "the same embedding for different pictures"),
        ("dark", "the same embedding for different pictures"),
    ],
)
def test_a_model_that_will_not_do_is_refused(with_card: With, name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as refusal:
        Embedder(with_card(name))
    assert f"{name}.tflite" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_photo_that_makes_it_fail_is_not_embedded(with_card: With) -> None:
    embedder = Embedder(with_card("not for black"))
    with pytest.raises(ModelError, match=r"not for black\.tflite gives embeddings with NaN"):
        embedder.embed(np.zeros((1, SIZE_PX, SIZE_PX, 3), np.uint8))


@pytest.mark.parametrize(
    ("name", "card", "said"),
    [
        ("plain", {"dim": 9}, "dim is 8, its card says 9"),
        ("plain", {"input_size_px": 32}, "input_size_px is 16, its card says 32"),
        ("plain", {"dtype": "int8"}, "dtype is float32, its card says int8"),
        ("quantized int8", {}, "dtype is int8, its card says float32"),
        ("half", {}, "dtype is float16, its card says float32"),
        ("plain", {"dim": 9, "dtype": "int8"}, "dim is 8, .* 9; dtype is float32, .* int8"),
        ("plain", {"output": "logits"}, r"gives Identity .*; its card says output 'logits'"),
        ("plain", {"sha256": "0" * 64}, "has SHA-256 .*, its card says 000000000000"),
        ("plain", {"std": 1e-30}, "NaN"),
    ],
)
def test_a_card_that_does_not_fit_is_refused_with_what_differs(
    with_card: With, name: str, card: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        Embedder(with_card(name, **card))


# --- help with the card ---------------------------------------------------------------------------


def facts_of(model: Path) -> dict[str, Any]:
    return describe(Config(model=model, index=model.parent / "index", gallery=model.parent))


@pytest.mark.parametrize("name", ["plain", "classifier", "quantized uint8", "quantized int8"])
def test_info_writes_a_card_that_fits(odd_models: Path, tmp_path: Path, name: str) -> None:
    model = tmp_path / f"{name}.tflite"
    shutil.copy(odd_models / model.name, model)
    facts = facts_of(model)
    assert "does not exist" in facts["to fix"][0]
    model.with_suffix(".json").write_text(json.dumps(facts["model"]["a card that fits"]))
    vectors = Embedder(model).embed(pixels(5, SIZE_PX))
    assert ((vectors * expected(pixels(5, SIZE_PX))).sum(axis=1) > LEAST).all()
    assert "a card that fits" not in facts_of(model)["model"]


def test_info_says_that_scaling_is_not_in_the_file(odd_models: Path) -> None:
    assert any("mean and std" in line for line in facts_of(odd_models / "plain.tflite")["to fix"])
    quantized = facts_of(odd_models / "quantized int8.tflite")["to fix"]
    assert not any("mean and std" in line for line in quantized)


def test_info_corrects_a_card_and_keeps_what_the_file_can_not_know(with_card: With) -> None:
    model = with_card("normalized", dim=9, weights_licence="MIT", **TORCH)
    facts = facts_of(model)
    assert "dim is 8, its card says 9" in facts["to fix"][0]
    card = facts["model"]["a card that fits"]
    assert (card["dim"], card["weights_licence"], card["mean"]) == (DIM, "MIT", MEAN)


def test_info_describes_inputs_and_outputs(odd_models: Path, with_card: With) -> None:
    (line,) = facts_of(odd_models / "quantized int8.tflite")["model"]["inputs"]
    assert re.fullmatch(r"pixels \(1, 16, 16, 3\) int8, scale 0\.0078\d+, zero point 0", line)
    assert facts_of(with_card("plain"))["model"]["outputs"] == ["Identity (1, 8) float32"]


@pytest.mark.parametrize("name", ["gray", "map"])
def test_info_has_no_card_for_what_will_not_do(odd_models: Path, name: str) -> None:
    facts = facts_of(odd_models / f"{name}.tflite")
    assert "a card that fits" not in facts["model"]
    assert facts["model"]["inputs"]
    assert any("; it must " in line for line in facts["to fix"])
