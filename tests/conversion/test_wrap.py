"""convert_model.py --wrap: a card for a model that somebody else made, only if it works."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import convert_model
from edge_app.model.card import ModelCard
from edge_app.model.embed import Embedder
from tests.fakes import picture

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
        ([], "wants pixels to be can't be read from it; say so with --input-range"),
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
    assert f"{path} is there already" in capfd.readouterr().err
    assert json.loads(path.read_text()) == {"name": "by hand"}


@pytest.mark.parametrize("text", ["1", "1,0", "0,0", "nan,1", "low,high"])
def test_a_range_has_two_ends(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        convert_model.main(["--wrap", "m.tflite", f"--input-range={text}"])
    assert exit.value.code == 2
    assert f"{text!r} is not LOW,HIGH" in capsys.readouterr().err
