"""benchmarks.finding.quality: the figures that docs/models.md is written from."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from benchmarks.finding import words
from benchmarks.finding.edits import EDITS, edited
from benchmarks.finding.generalphotos import greys
from benchmarks.finding.quality import Photos, measure
from benchmarks.finding.retrieval import (
    Floats,
    average_precision,
    estimate,
    leave_one_out,
    originals_found,
    short,
)
from benchmarks.speed import batches, cost
from edge_app.config import Limits
from edge_app.photos.children.decode import decode
from tools.testing.pictures import picture, save


def units(*degrees: float) -> Floats:
    """(n, 2) unit rows at these angles."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_precision_counts_the_own_label_among_the_others() -> None:
    """Of 0° and 10°, both a, with a b between them: each a sees b first, then the other a."""
    ranked = leave_one_out(units(0, 10, 6, 90), np.array(["a", "a", "b", "b"]))
    assert ranked.p_at_1.tolist() == [0, 0, 0, 0]
    assert ranked.average_precision.tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 3, 1 / 2])


def test_a_picture_of_one_colour_is_not_learned_from() -> None:
    """Two of them would not even count as alike: nothing in them varies."""
    assert greys(Image.new("RGB", (640, 480), "white")) is None
    grey = greys(picture(1))
    assert grey is not None
    assert np.linalg.norm(grey) == pytest.approx(1)


def test_an_original_is_found_where_nothing_else_is_nearer() -> None:
    vectors = units(0, 20, 40)
    queries = units(1, 31, 39)
    assert originals_found(queries, vectors, 1).tolist() == [1, 0, 1]
    assert originals_found(queries, vectors, 2).tolist() == [1, 1, 1]


def test_an_estimate_is_the_mean_and_the_interval_that_theory_gives() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, 400)
    found = estimate(values)
    assert found.mean == values.mean()
    assert found.margin == pytest.approx(1.96 * 0.1 / np.sqrt(400), rel=0.15)
    assert estimate(values) == found


@pytest.mark.parametrize(
    ("figure", "written"), [(0.1234, ".123"), (1, "1.000"), (-0.0501, "−.050"), (-0.0001, ".000")]
)
def test_figures_are_short(figure: float, written: str) -> None:
    assert short(figure) == written


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_the_same_for_a_photo_every_time_and_changes_it(edit: str) -> None:
    original = BytesIO()
    picture(1, 320, 240).save(original, "PNG")
    content = edited(original.getvalue(), edit, "a.jpg")
    assert content == edited(original.getvalue(), edit, "a.jpg")
    with Image.open(BytesIO(content)) as result:
        assert result.format == "JPEG"
        size, pixels = result.size, result.convert("RGB")
    if edit == "crop":
        assert 0.29 * 320 < size[0] < 0.96 * 320
        assert 0.29 * 240 < size[1] < 0.96 * 240
    else:
        assert size == ((240, 320) if edit == "turn" else (320, 240))
    if size == (320, 240):
        assert ImageChops.difference(pixels, picture(1, 320, 240)).getbbox()


def test_edits_differ_from_photo_to_photo() -> None:
    content = BytesIO()
    picture(1, 320, 240).save(content, "PNG")
    assert edited(content.getvalue(), "crop", "a") != edited(content.getvalue(), "crop", "b")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Two kinds, three photos each."""
    for seed in range(6):
        folder = tmp_path / "photos" / "ab"[seed % 2]
        folder.mkdir(parents=True, exist_ok=True)
        save(folder / f"{seed}.jpg", seed, width_px=160, height_px=120)
    return tmp_path / "photos"


@pytest.mark.model
def test_the_real_model_finds_edited_photos(model: Path, labelled: Path) -> None:
    quality = measure(model, Photos(labelled))
    assert quality.p_at_1.shape == (6,)
    assert set(quality.originals) == set(EDITS)
    assert quality.originals["JPEG 30"].among_ten.tolist() == [1] * 6


@pytest.mark.model
def test_what_a_model_costs_is_measured_in_every_runtime(model: Path) -> None:
    runtimes = cost.installed()
    head, _, row, *_ = cost.table([model], rounds=1).splitlines()
    assert all(head.count(runtime) == 2 for runtime in runtimes.values())
    name, *figures = (cell.strip() for cell in row.strip("|").split("|"))
    assert name == model.stem
    assert len(figures) == 1 + 2 * len(runtimes)
    assert all(float(figure) > 0 for figure in figures)


@pytest.mark.model
def test_batches_are_timed_in_every_runtime(model: Path) -> None:
    rows = batches.table(model, rounds=1).splitlines()[2:-2]
    assert len(rows) == len(cost.installed()) * len(batches.THREADS)
    figures = [cell for row in rows for cell in row.strip("| ").split(" | ")[2:]]
    assert len(figures) == len(rows) * len(batches.BATCHES)
    assert all(float(figure) > 0 for figure in figures)


def test_average_precision_is_of_the_places_of_what_is_looked_for() -> None:
    rankings = np.array([[True, False, False, True], [False, True, False, False]])
    assert average_precision(rankings).tolist() == pytest.approx([(1 + 2 / 4) / 2, 1 / 2])


def test_a_words_average_precision_is_of_the_places_of_what_shows_it() -> None:
    scores = np.array([0.1, 0.4, 0.3, 0.2], np.float32)
    shows = np.array([True, True, False, False])  # first and last of four
    assert words.precision(scores, shows) == pytest.approx((1 + 2 / 4) / 2)


def test_a_photo_shows_what_its_folder_or_the_list_of_known_ones_says() -> None:
    assert words.shown("daisy/1.jpg") == ("daisy",)
    assert words.shown("coffee.png") == ("espresso", "cup")


@pytest.mark.model
def test_a_model_that_learned_from_one_of_the_photos_is_refused(
    model: Path, labelled: Path, tmp_path: Path
) -> None:
    seen = decode((labelled / "a/0.jpg").read_bytes(), 32, Limits()).content.hex()
    copy = tmp_path / model.name
    copy.symlink_to(model)
    card = json.loads(model.with_suffix(".json").read_bytes()) | {"learned_from": ["0" * 32, seen]}
    copy.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(SystemExit, match="learned from 1 of the 6 photos"):
        measure(copy, Photos(labelled))
