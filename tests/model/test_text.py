"""The text tower: a vector for a text, loaded when needed, refused where it does not belong."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_app.errors import ModelError, NotFoundError, UsageError
from edge_app.model import text as towers
from edge_app.model.card import ModelCard
from edge_app.model.cost import Cost
from edge_app.model.embed import Embedder
from edge_app.model.text import TextTower
from tests import tinyclip
from tests.model.test_embed import installed
from tools.testing.waiting import until

FIXTURE = Path(__file__).parents[1] / "fixtures/tinyclip"
MiB = 1 << 20


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with two towers, free to be spoilt."""
    shutil.copytree(FIXTURE, tmp_path / "models")
    return tmp_path / "models/tiny.tflite"


def change(model: Path, **values: Any) -> None:
    """Set values of the card, or of its text tower."""
    path = model.with_suffix(".json")
    card = json.loads(path.read_text())
    for name, value in values.items():
        (card["text"] if name in card["text"] else card)[name] = value
    path.write_text(json.dumps(card))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("runtime", installed())
def test_a_text_is_the_unit_vector_that_the_network_gives(model: Path, runtime: str) -> None:
    tower, tensors = TextTower(model, runtime), tinyclip.make_tensors()
    for text in tinyclip.TEXTS:
        row = tinyclip.tokens_of(text)
        expected = tinyclip.embed_text(tensors, row)
        vector = tower.vector(text)
        assert vector.dtype == np.float32 and vector.shape == (tinyclip.DIM,)
        assert np.allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)


def test_a_text_is_computed_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(towers, "TEXTS_KEPT", 2)
    tower = TextTower(model)
    first = tower.vector("a  dog\n")
    assert tower.vector("a dog") is first
    tower.vector("a cat"), tower.vector("a dog"), tower.vector("the snow")  # the cat is dropped
    assert tower.vector("a dog") is first


def test_it_is_loaded_by_the_first_text_and_let_go_when_idle(model: Path) -> None:
    tower = TextTower(model, idle_s=0.05)
    assert tower._loaded is None and tower.resident_bytes == 0
    vector = tower.vector("a dog")
    until(lambda: tower._loaded is None)
    assert tower.resident_bytes == 0
    assert tower.vector("a dog") is vector and tower._loaded is None  # kept, so nothing is loaded
    assert not np.allclose(tower.vector("a cat"), vector)
    tower.close()
    assert tower._loaded is None


def test_the_image_tower_is_a_model_like_any_other(model: Path) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    vectors = Embedder(model).embed(pixels)
    for vector, view in zip(vectors, pixels, strict=True):
        expected = tinyclip.embed_image(tinyclip.make_tensors(), view.astype(float))
        assert np.allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)


def test_the_text_tower_is_no_part_of_what_an_index_belongs_to(model: Path) -> None:
    before = ModelCard.load(model).identity("any")
    card = json.loads(model.with_suffix(".json").read_text())
    del card["text"]
    model.with_suffix(".json").write_text(json.dumps(card))
    assert ModelCard.load(model).identity("any") == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty"),
        (" \n\t ", "the text is empty"),
        ("x" * 10_000, "a text of 10000 characters is over the limit of 1000"),
        ("a\x07dog", r"control character U\+0007"),
        ("a\x85\x9bdog", r"control character U\+009B"),
    ],
)
def test_what_is_no_text_is_refused_before_the_tower_is_loaded(
    model: Path, text: str, said: str
) -> None:
    tower = TextTower(model)
    with pytest.raises(UsageError, match=said):
        tower.vector(text)
    assert tower._loaded is None


def test_a_lone_surrogate_is_a_sign_like_any_other(model: Path) -> None:
    assert np.isfinite(TextTower(model).vector("a \ud800 dog")).all()


def test_a_model_without_a_text_tower_says_so(model: Path) -> None:
    change(model, text=None)
    with pytest.raises(NotFoundError, match=r"the model tiny has no text tower.*docs/words\.md"):
        TextTower(model)


def other_checkpoint(model: Path) -> None:
    """The tower of another conversion: a byte of its weights is another."""
    path = model.with_suffix(".text.tflite")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def smaller_vocab(model: Path) -> None:
    path = model.with_suffix(".vocab")
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    change(model, vocab_sha256=sha256(path))


def no_vocab(model: Path) -> None:
    path = model.with_suffix(".vocab")
    path.write_text("#version: 0.2\n")
    change(model, vocab_sha256=sha256(path))


def image_tower_for_text(model: Path) -> None:
    shutil.copy(model, model.with_suffix(".text.tflite"))
    change(model, sha256=sha256(model))
    card = json.loads(model.with_suffix(".json").read_text())
    card["text"]["sha256"] = card["sha256"] = sha256(model)
    model.with_suffix(".json").write_text(json.dumps(card))


def no_model_at_all(model: Path) -> None:
    path = model.with_suffix(".text.tflite")
    path.write_bytes(b"TFL3 is not here")
    change_text(model, sha256=sha256(path))


def change_text(model: Path, **values: Any) -> None:
    path = model.with_suffix(".json")
    card = json.loads(path.read_text())
    card["text"] |= values
    path.write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (other_checkpoint, r"tiny\.text\.tflite has SHA-256 .*…, the card of tiny\.tflite says"),
        (smaller_vocab, r"it has 532 tokens, the text tower 533"),
        (no_vocab, r"tiny\.vocab can't be used: its first line is not"),
        (lambda model: model.with_suffix(".vocab").unlink(), r"tiny\.vocab does not exist"),
        (lambda model: model.with_suffix(".text.tflite").unlink(), r"does not exist; copy it"),
        (lambda model: change(model, dim=25), "gives 24 numbers, the image tower 25"),
        (lambda model: change(model, length=13), r"takes tokens of shape \(1, 12\); the card says"),
        (image_tower_for_text, "takes no tokens"),
        (no_model_at_all, r"tiny\.text\.tflite can't be run"),
    ],
)
def test_what_does_not_belong_to_the_model_is_refused(
    model: Path, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(model)
    with pytest.raises(ModelError, match=said) as raised:
        TextTower(model).vector("a dog")
    assert "\n" not in str(raised.value)


def test_captions_come_with_the_tower_or_not_at_all(model: Path) -> None:
    captions = TextTower(model).captions()
    assert captions is not None and captions.shape[1] == tinyclip.DIM
    assert np.allclose(np.linalg.norm(captions, axis=1), 1, atol=1e-5)
    path = model.with_suffix(".captions.npy")
    np.save(path, captions[:, :7])
    with pytest.raises(ModelError, match=r"tiny\.captions\.npy has SHA-256"):
        TextTower(model).captions()
    change(model, captions_sha256=sha256(path))
    with pytest.raises(ModelError, match=r"captions .* can't be used: it is float32 of \(48, 7\)"):
        TextTower(model).captions()
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    change(model, captions_sha256=sha256(path))
    with pytest.raises(ModelError, match="can't be used"):
        TextTower(model).captions()
    whole = json.loads(model.with_suffix(".json").read_text())["text"]
    change(model, text={name: whole[name] for name in whole if "captions" not in name})
    assert TextTower(model).captions() is None


@pytest.mark.parametrize(
    "said",
    [
        lambda whole: whole | {"captions": "../tiny.captions.npy"},
        lambda whole: {name: whole[name] for name in whole if name != "captions_sha256"},
        lambda whole: "tiny.text.tflite",
        lambda whole: {"file": "tiny.text.tflite"},
        lambda whole: whole | {"file": "../tiny.text.tflite"},
        lambda whole: whole | {"length": 0},
        lambda whole: whole | {"tokens": True},
        lambda whole: whole | {"vocab": ""},
    ],
)
def test_a_card_says_all_of_a_text_tower_or_nothing(
    model: Path, said: Callable[[dict[str, Any]], Any]
) -> None:
    whole = json.loads(model.with_suffix(".json").read_text())["text"]
    change(model, text=said(whole))
    with pytest.raises(ModelError, match=r"has text .* which is not an object with the texts file"):
        ModelCard.load(model)


def test_a_model_for_one_runtime_is_refused_by_another(model: Path) -> None:
    change(model, needs_runtime="ai-edge-litert")
    if "tflite-runtime" not in installed():
        pytest.skip("tflite-runtime has no wheel for this Python")
    said = "needs the runtime ai-edge-litert, not tflite-runtime"
    with pytest.raises(ModelError, match=said):
        Embedder(model, runtime="tflite-runtime")
    with pytest.raises(ModelError, match=said):
        TextTower(model, runtime="tflite-runtime").vector("a dog")


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (Cost("image", 0.2, 90 * MiB), []),
        (Cost("image", 2.0, 90 * MiB), ["takes 2.0 s for a photo on this device, 6 hours"]),
        (Cost("text", 2.5, 90 * MiB), ["takes 2.5 s for a text on this device, over 2"]),
        (Cost("text", 0.1, 300 * MiB), ["the text tower takes 300 MiB of 512 that are available"]),
    ],
)
def test_a_tower_too_slow_or_too_large_for_the_device_is_told(cost: Cost, said: list[str]) -> None:
    warnings = list(cost.warnings(512 * MiB))
    assert len(warnings) == len(said)
    for warning, part in zip(warnings, said, strict=True):
        assert part in warning and "choose a smaller model" in warning
