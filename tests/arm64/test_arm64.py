"""What `make test-arm64` compares, here without another processor."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge_app.search.vectors import bounds, products
from tests.arm64 import kernels
from tests.arm64.__main__ import (
    Side,
    collect_photos,
    compare,
    largest_difference,
    score_difference,
)
from tests.conftest import ROOT
from tools import scikit
from tools.testing.pictures import save

UNIT = np.eye(3, dtype=np.float32)


def test_embeddings_differ_by_the_worst_photo() -> None:
    near = np.array([0.8, 0.6, 0], np.float32)
    assert largest_difference({"a": UNIT[0], "b": UNIT[1]}, {"a": near, "b": UNIT[1]}) == (
        pytest.approx(0.2)
    )
    with pytest.raises(AssertionError):
        largest_difference({"a": UNIT[0]}, {"b": UNIT[0]})


def test_answers_must_name_the_same_images_in_order() -> None:
    ours = [{"id": 1, "score": 0.9}, {"id": 2, "score": 0.5}]
    assert score_difference(ours, [ours[0], {"id": 2, "score": 0.4}]) == pytest.approx(0.1)
    for theirs in (ours[::-1], ours[:1]):
        with pytest.raises(AssertionError):
            score_difference(ours, theirs)


def test_without_the_shared_photos_it_takes_those_of_scikit_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "skimage.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for seed, name in enumerate(scikit.PHOTOS):
            archive.write(save(tmp_path / name, seed), f"skimage/data/{name}")
    monkeypatch.setattr(scikit, "_fetch", lambda folder: wheel)
    names = collect_photos(tmp_path / "library", tmp_path / "nothing here")
    assert names == sorted(scikit.PHOTOS)


@pytest.mark.model
def test_this_machine_agrees_with_itself(model: Path, tmp_path: Path) -> None:
    if not (ROOT.parent / "shared/photos/flowers").is_dir():
        pytest.skip("../shared/photos is not there")
    names = collect_photos(tmp_path / "library")
    for suffix in (".tflite", ".json"):
        shutil.copy(model.with_suffix(suffix), tmp_path)
    one, other = (Side(name, [sys.executable], str(tmp_path)) for name in ("one", "other"))
    assert len(compare(one, other, tmp_path, names)) == 9  # it raises where they differ


def test_kernels_find_the_same_here_with_numkong_and_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "ROWS", 300)
    monkeypatch.setattr(bounds, "reads_codes", bounds.reads_codes)
    ours = kernels.search()
    monkeypatch.setattr(products, "numkong", None)
    theirs = kernels.search()
    assert theirs["kernel"] == "NumPy"
    assert kernels.difference(ours, theirs) < 1e-12
    theirs["found"]["True 256 1"][3][0] += 1
    with pytest.raises(AssertionError):
        kernels.difference(ours, theirs)
