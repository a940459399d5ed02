"""scale: which scores are high in this index, said from its own pairs; nothing guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.index.format.scalefile import FILE, load_scale
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check, repair
from edge_app.index.write.batch import Batch
from edge_app.search import scale as scales
from edge_app.search.scale import Scale, Scales
from tests.indexes import DIM, OTHER_MODEL, new_image, writer_of


def add(folder: Path, count: int, start: int = 0) -> None:
    with writer_of(folder) as writer:
        images = [new_image(f"{number}.jpg") for number in range(start, start + count)]
        writer.commit(Batch(images=images))


def scale_of(folder: Path) -> Scale:
    """As a process that has just started finds it."""
    with Reader(folder / "index") as reader:
        return Scales(reader).of(reader.snapshot())


def pair_scores(folder: Path) -> NDArray[np.float64]:
    """Every pair's score, the highest first."""
    with Reader(folder / "index") as reader:
        snapshot = reader.snapshot()
        vectors = np.array(snapshot.vectors[snapshot.live], np.float64)
    upper = np.triu_indices(len(vectors), 1)
    return np.sort((vectors @ vectors.T)[upper])[::-1]


def test_bands_begin_where_one_random_pair_in_100_and_in_10_000_comes(tmp_path: Path) -> None:
    add(tmp_path, 150)
    scale, pairs = scale_of(tmp_path), pair_scores(tmp_path)
    assert scale.pairs == len(pairs) == 150 * 149 // 2
    assert scale.similar == pytest.approx(pairs[len(pairs) // 100 - 1], abs=1e-4)
    assert scale.very_similar == pytest.approx(pairs[0], abs=1e-4)
    assert scale.almost_same == pytest.approx((1 + pairs[0]) / 2, abs=1e-4)
    assert scale.half == pytest.approx(np.median(pairs), abs=1e-3)


def test_each_score_is_in_one_band() -> None:
    scale = Scale(pairs=20_000, half=0.3, similar=0.6, very_similar=0.8, almost_same=0.9)
    found = [scale.band(score) for score in (1.0, 0.9, 0.89, 0.8, 0.79, 0.6, 0.59, -1.0)]
    assert found == [
        *["almost_same"] * 2, *["very_similar"] * 2, *["similar"] * 2, *["less_similar"] * 2
    ]  # fmt: skip


def test_three_photos_have_no_statistics(tmp_path: Path) -> None:
    add(tmp_path, 3)
    scale = scale_of(tmp_path)
    assert (scale.pairs, scale.similar, scale.very_similar, scale.almost_same) == (3, *[None] * 3)
    assert scale.band(0.99) is None


def test_fewer_pairs_than_10_000_tell_similar_from_less_similar_only(tmp_path: Path) -> None:
    add(tmp_path, 17)
    scale = scale_of(tmp_path)
    assert scale.similar is not None
    assert (scale.very_similar, scale.almost_same) == (None, None)
    assert [scale.band(score) for score in (0.99, -0.5)] == ["similar", "less_similar"]


def test_an_empty_index_has_no_pairs(tmp_path: Path) -> None:
    add(tmp_path, 1)
    with writer_of(tmp_path) as writer:
        writer.commit(Batch(removed=[1]))
    assert scale_of(tmp_path) == Scale(pairs=0)


def test_copies_do_not_make_every_score_look_low(tmp_path: Path) -> None:
    add(tmp_path, 40)
    alone = scale_of(tmp_path)
    with writer_of(tmp_path) as writer:
        images = [new_image(f"{number}.jpg") for number in range(40)]
        vectors = [image.vector for image in images]
        copies = [new_image(f"copy {n}.jpg", vector=v) for n, v in enumerate(vectors)]
        writer.commit(Batch(images=copies))
    assert scale_of(tmp_path) == alone


def test_a_large_index_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scales, "SAMPLE_ROWS", 50)
    add(tmp_path, 200)
    assert scale_of(tmp_path).pairs == 50 * 49 // 2


def test_it_is_kept_in_the_index_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, 20)
    made = scale_of(tmp_path)
    assert load_scale(tmp_path / "index").levels.pairs == 190
    monkeypatch.setattr(scales, "_measured", lambda snapshot: pytest.fail("made again"))
    assert scale_of(tmp_path) == made


def test_it_follows_an_index_that_grows(tmp_path: Path) -> None:
    add(tmp_path, 160)
    with Reader(tmp_path / "index") as reader:
        kept = Scales(reader)
        first = kept.of(reader.snapshot())
        add(tmp_path, 10, start=160)  # less than an eighth more
        assert kept.of(reader.snapshot()) == first
        add(tmp_path, 30, start=170)
        assert kept.of(reader.snapshot()).pairs == 200 * 199 // 2


def test_another_model_has_a_scale_of_its_own(tmp_path: Path) -> None:
    add(tmp_path, 20)
    before = scale_of(tmp_path)
    with writer_of(tmp_path, OTHER_MODEL) as writer:
        images = [new_image(f"{number}.jpg", dim=2 * DIM) for number in range(20)]
        writer.commit(Batch(images=images))
        writer.finish()
    assert scale_of(tmp_path).similar != before.similar


def test_a_folder_that_was_built_again_does_not_get_the_scale_of_the_one_before(
    tmp_path: Path,
) -> None:
    add(tmp_path, 20)
    scale_of(tmp_path)
    kept = (tmp_path / "index" / FILE).read_bytes()
    for file in (tmp_path / "index").iterdir():
        file.unlink()
    add(tmp_path, 20, start=100)
    (tmp_path / "index" / FILE).write_bytes(kept)
    pairs = pair_scores(tmp_path)
    assert scale_of(tmp_path).similar == pytest.approx(pairs[len(pairs) // 100 - 1], abs=1e-4)


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: kept[:-20],
        lambda kept: kept.replace(b'"pairs": 190', b'"pairs": 191'),
        lambda kept: b"{}\nffffffff\n",
        lambda kept: b"",
    ],
)
def test_a_damaged_file_is_found_and_made_again(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    add(tmp_path, 20)
    made = scale_of(tmp_path)
    file = tmp_path / "index" / FILE
    file.write_bytes(damage(file.read_bytes()))
    (problem,) = check(tmp_path / "index").problems
    assert f"{FILE} is damaged" in str(problem)
    assert repair(tmp_path / "index").problems
    assert not file.exists()
    assert scale_of(tmp_path) == made
    assert check(tmp_path / "index").problems == []


def test_an_index_that_cannot_be_written_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, 20)

    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(scales, "save_scale", refuse)
    assert scale_of(tmp_path).pairs == 190
