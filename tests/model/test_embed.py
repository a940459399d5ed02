"""embed: unit vectors from either runtime, and clear words where model and card don't fit."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.errors import ModelError
from edge_app.model.embed import Embedder
from edge_app.model.runtime import RUNTIMES
from tools.testing.pictures import picture


def installed() -> list[str]:
    names = []
    for name in RUNTIMES:
        try:
            metadata.version(name)
            names.append(name)
        except metadata.PackageNotFoundError:
            pass
    return names


def pixels(count: int, size_px: int = 224) -> NDArray[np.uint8]:
    return np.stack([np.asarray(picture(seed, size_px, size_px)) for seed in range(count)])


@pytest.fixture
def copied(model: Path, tmp_path: Path) -> Path:
    """The model and its card, free to be spoilt."""
    for file in (model, model.with_suffix(".json")):
        shutil.copy(file, tmp_path)
    return tmp_path / model.name


@pytest.mark.model
@pytest.mark.parametrize("runtime", installed())
def test_embeddings_are_unit_rows_and_the_same_every_time(model: Path, runtime: str) -> None:
    embedder = Embedder(model, runtime=runtime)
    vectors = embedder.embed(pixels(3))
    assert vectors.shape == (3, embedder.card.dim)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(vectors, embedder.embed(pixels(3)))


@pytest.mark.model
def test_both_runtimes_agree(model: Path) -> None:
    if len(installed()) < 2:
        pytest.skip(f"only {installed()[0]} has a wheel for this Python")
    one, other = (Embedder(model, runtime=name).embed(pixels(5)) for name in installed())
    cosines = (one.astype(np.float64) * other).sum(axis=1)
    assert (cosines > 1 - 1e-4).all()


@pytest.mark.model
def test_threads_do_not_change_the_result(model: Path) -> None:
    one, two = (Embedder(model, threads).embed(pixels(2)) for threads in (1, 2))
    assert np.allclose(one, two, atol=1e-5)


@pytest.mark.model
def test_another_file_than_the_card_describes_is_refused(copied: Path) -> None:
    copied.write_bytes(copied.read_bytes() + b"x")
    with pytest.raises(ModelError, match="SHA-256"):
        Embedder(copied)


@pytest.mark.model
def test_a_text_file_is_no_model(copied: Path) -> None:
    text = b"This is not a model.\n" * 50
    copied.write_bytes(text)
    card_file = copied.with_suffix(".json")
    card = json.loads(card_file.read_bytes()) | {"sha256": hashlib.sha256(text).hexdigest()}
    card_file.write_text(json.dumps(card))
    with pytest.raises(ModelError, match="can't be run by"):
        Embedder(copied)


@pytest.mark.model
def test_a_card_of_another_shape_is_refused(copied: Path) -> None:
    card_file = copied.with_suffix(".json")
    card_file.write_text(json.dumps(json.loads(card_file.read_bytes()) | {"dim": 512}))
    with pytest.raises(ModelError, match="dim is 1280, its card says 512"):
        Embedder(copied)
