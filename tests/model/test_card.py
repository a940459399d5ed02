"""card: what a card must say, what it may say, and what an index must agree with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from edge_app.errors import ModelError
from edge_app.model.card import ModelCard
from edge_app.model.file import read_model
from edge_app.photos.regions import CROP, PREPROCESS

NEEDED = {"name": "m", "input_size_px": 96, "dim": 8, "dtype": "float32", "sha256": "a" * 64}


def load(folder: Path, content: Any) -> ModelCard:
    """A card of this content, beside a file in place of a model."""
    model = folder / "m.tflite"
    model.touch()
    text = content if isinstance(content, str) else json.dumps(content)
    model.with_suffix(".json").write_text(text)
    return ModelCard.load(model)


def test_five_fields_are_enough_and_leave_pixels_as_they_are(tmp_path: Path) -> None:
    card = load(tmp_path, NEEDED)
    assert (card.channels, card.mean, card.std) == ("RGB", (0, 0, 0), (1, 1, 1))
    assert card.preprocess == PREPROCESS
    assert card.output is None


def test_one_number_stands_for_all_channels(tmp_path: Path) -> None:
    card = load(tmp_path, NEEDED | {"mean": 127.5, "std": [58.4, 57.1, 57.4]})
    assert card.mean == (127.5, 127.5, 127.5)
    assert card.std == (58.4, 57.1, 57.4)


def test_what_else_a_card_says_is_left_alone(tmp_path: Path) -> None:
    assert load(tmp_path, NEEDED | {"reduced_from": 1280}).dim == 8


@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_field_is_named(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ModelError, match=rf"m\.json has no '{missing}'"):
        load(tmp_path, {name: value for name, value in NEEDED.items() if name != missing})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": 1}, "name 1, which is not a text"),
        ({"dim": True}, "dim True, which is not a whole number above 0"),
        ({"dim": 8.0}, "dim 8.0, which is not a whole number above 0"),
        ({"input_size_px": 0}, "input_size_px 0, which is not a whole number above 0"),
        ({"dtype": "int4"}, "dtype 'int4'; only float32 or float16 or int8 is possible"),
        ({"channels": "GRB"}, "channels 'GRB'; only RGB or BGR is possible"),
        ({"preprocess": "crop"}, f"preprocess 'crop'; only {PREPROCESS} or {CROP} is possible"),
        ({"mean": [1, 2]}, r"mean \[1, 2\], which is not a number or a list of three"),
        ({"mean": 10**400}, "which is not a number or a list of three"),
        ({"std": float("nan")}, "std nan, which is not a number or a list of three"),
        ({"std": [1, 0, 1]}, "std 0; it must be another number"),
        ({"output": 2}, "output 2, which is not a text"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_do(
    tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelError, match=rf"m\.json has .*{said}"):
        load(tmp_path, NEEDED | wrong)


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "3", "[" * 100_000])
def test_what_is_no_card_is_named(tmp_path: Path, content: str) -> None:
    with pytest.raises(ModelError, match=r"m\.json (is not|can't be read)"):
        load(tmp_path, content)


@pytest.mark.parametrize("file", ["m.json", "m.tflite"])
def test_a_file_without_an_end_is_not_read(tmp_path: Path, file: str) -> None:
    """A pipe would be waited for, a device or a file that takes no room would fill the memory."""
    load(tmp_path, NEEDED)

    def read() -> object:
        model = tmp_path / "m.tflite"
        return ModelCard.load(model) if file == "m.json" else read_model(model)

    def sparse(path: Path) -> None:
        path.touch()
        os.truncate(path, 2**40)

    for make, said in (
        (os.mkfifo, "it is no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is no regular file"),
        (sparse, f"it has {2**40} bytes, and may"),
    ):
        (tmp_path / file).unlink()
        make(tmp_path / file)
        with pytest.raises(ModelError, match=said):
            read()


def test_an_empty_model_is_said_to_be_that(tmp_path: Path) -> None:
    load(tmp_path, NEEDED)
    with pytest.raises(ModelError, match="is empty: copy it again"):
        read_model(tmp_path / "m.tflite")


def test_a_missing_model_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.tflite does not exist.*make model"):
        ModelCard.load(tmp_path / "none.tflite")


def test_a_missing_card_says_how_to_write_one(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").touch()
    with pytest.raises(ModelError, match=r"m\.json does not exist.*info --model .*m\.tflite"):
        ModelCard.load(tmp_path / "m.tflite")


@pytest.mark.parametrize(
    "other",
    [
        {"channels": "BGR"},
        {"mean": 127.5},
        {"std": [58.4, 57.1, 57.4]},
        {"output": "features"},
        {"sha256": "b" * 64},
        {"dim": 9},
    ],
    ids=str,
)
def test_embeddings_made_otherwise_are_of_another_identity(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    one, two = load(tmp_path, NEEDED), load(tmp_path, NEEDED | other)
    assert one.identity("any") != two.identity("any")


def test_a_card_that_spells_out_the_defaults_is_of_the_same_identity(tmp_path: Path) -> None:
    spelt_out = {"preprocess": PREPROCESS, "channels": "RGB", "mean": [0, 0, 0], "std": 1.0}
    one, two = load(tmp_path, NEEDED), load(tmp_path, NEEDED | spelt_out | {"output": None})
    assert one.identity("any") == two.identity("any")
    assert one.identity("any").preprocess == PREPROCESS


def test_only_int8_embeddings_depend_on_the_runtime(tmp_path: Path) -> None:
    runtime = "tflite-runtime 2.14.0"
    assert load(tmp_path, NEEDED).identity(runtime).runtime == "any"
    assert load(tmp_path, NEEDED | {"dtype": "int8"}).identity(runtime).runtime == runtime
