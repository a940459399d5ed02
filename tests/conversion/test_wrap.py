"""convert_model.py --wrap: a card for a model that somebody else made, only if it works."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import convert_model
from conversion.inner import with_output
from edge_app.errors import ModelError
from edge_app.model.card import ModelCard
from edge_app.model.embed import Embedder
from tools.testing.pictures import picture

pytestmark = pytest.mark.model


@pytest.fixture
def foreign(model: Path, tmp_path: Path) -> Path:
    """The real model without its card, as if it came from elsewhere."""
    return Path(shutil.copy(model, tmp_path / "foreign.tflite"))


def test_the_card_says_what_the_file_does_and_the_options_add(foreign: Path, model: Path) -> None:
    assert convert_model.main(["--wrap", str(foreign), "--input-range", "0,255"]) == 0
    card, original = ModelCard.load(foreign), ModelCard.load(model)
    assert card.name == "foreign"
    for field in ("sha256", "dim", "input_size_px", "dtype", "mean", "std"):
        assert getattr(card, field) == getattr(original, field), field
    pixels = np.asarray(picture(1, 224, 224))[np.newaxis]
    assert np.array_equal(Embedder(foreign).embed(pixels), Embedder(model).embed(pixels))


@pytest.mark.parametrize(
    ("given", "mean", "std"), [("-1,1", 127.5, 127.5), ("0,1", 0, 255), ("-2,2", 127.5, 63.75)]
)
def test_an_input_range_is_a_mean_and_a_deviation(
    foreign: Path, given: str, mean: float, std: float
) -> None:
    assert convert_model.main(["--wrap", str(foreign), f"--input-range={given}"]) == 0
    card = ModelCard.load(foreign)
    assert card.mean == (mean,) * 3
    assert card.std == (std,) * 3


def test_an_output_can_be_named(foreign: Path) -> None:
    assert convert_model.main(["--wrap", str(foreign), "--input-range=0,255"]) == 0
    (tensor,) = Embedder(foreign).file.outputs
    foreign.with_suffix(".json").unlink()
    arguments = ["--wrap", str(foreign), "--input-range=0,255", "--output-tensor", tensor.name]
    assert convert_model.main(arguments) == 0
    assert ModelCard.load(foreign).output == tensor.name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "does not say what range its pixels have; give it with --input-range"),
        (["--input-range=0,255", "--output-tensor", "none"], "--output-tensor none: "),
        (["--input-range=0,0.001"], "gives the same embedding for different pictures"),
    ],
)
def test_no_card_is_left_of_what_does_not_work(
    foreign: Path, arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert convert_model.main(["--wrap", str(foreign), *arguments]) != 0
    (line,) = capfd.readouterr().err.splitlines()
    assert said in line
    assert str(foreign) in line
    assert not foreign.with_suffix(".json").exists()


def test_a_card_that_is_there_is_kept(foreign: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = foreign.with_suffix(".json")
    path.write_text(json.dumps({"name": "by hand"}))
    assert convert_model.main(["--wrap", str(foreign), "--input-range=0,255"]) == 2
    assert f"{path} already exists" in capfd.readouterr().err
    assert json.loads(path.read_text()) == {"name": "by hand"}


@pytest.mark.parametrize("text", ["1", "1,0", "0,0", "nan,1", "low,high"])
def test_a_range_has_two_ends(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        convert_model.main(["--wrap", "m.tflite", f"--input-range={text}"])
    assert exit.value.code == 2
    assert f"{text!r} is not LOW,HIGH" in capsys.readouterr().err


def test_a_softmax_is_warned_of_and_the_layer_before_it_can_be_taken(
    odd_models: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copy(odd_models / "probabilities.tflite", tmp_path / "classes.tflite"))
    assert convert_model.main(["--wrap", str(model), "--input-range=0,255"]) == 0
    warning = capfd.readouterr().err.splitlines()[-1]
    assert "gives the probabilities of classes" in warning
    named = warning.partition("one of ")[2].split(", ")
    assert ModelCard.load(model).dim == 4

    model.with_suffix(".json").unlink()
    (widest,) = [name for name in named if "MatMul" in name][:1]
    arguments = ["--wrap", str(model), "--input-range=0,255", "--output-tensor", widest]
    assert convert_model.main(arguments) == 0
    assert "probabilities" not in capfd.readouterr().err
    inner = tmp_path / "classes.embedding.tflite"
    assert not model.with_suffix(".json").exists(), "the card is the copy's"
    plain = Path(shutil.copy(odd_models / "plain.tflite", tmp_path / "plain.tflite"))
    assert convert_model.main(["--wrap", str(plain), "--input-range=0,255"]) == 0
    pixels = np.asarray(picture(1, 16, 16))[np.newaxis]
    assert np.allclose(Embedder(inner).embed(pixels), Embedder(plain).embed(pixels), atol=1e-6)


@pytest.mark.parametrize("kept", [0, 3, 8, 40, 200, 1000])
def test_a_damaged_file_has_no_inner_tensors(model: Path, kept: int) -> None:
    with pytest.raises(ModelError, match="is not a TFLite model"):
        with_output(model.read_bytes()[:kept], 5)
