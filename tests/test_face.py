"""The Python face: everything a script needs, typed, lazy, and with the answers of the server."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edge_app
from tests.conftest import ROOT
from tools.testing.pictures import picture, save

DOCUMENT = (ROOT / "docs/python.md").read_text()


@pytest.fixture(scope="module")
def place(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, a model and an index, as the examples name them."""
    folder = tmp_path_factory.mktemp("script")
    for seed, path in enumerate(("2024/a.jpg", "2024/c.jpg", "b.jpg")):
        file = folder / "photos" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0132] = "2024:05:17 12:00:00"
        picture(seed, 90, 60).save(file, exif=exif)
    (folder / "photos/copy.jpg").write_bytes((folder / "photos/b.jpg").read_bytes())
    (folder / "models").mkdir()
    for file in model.parent.glob("mobilenet_v2.*"):
        (folder / "models" / file.name).symlink_to(file)
    with opened(folder) as index:
        index.update()
    return folder


def opened(folder: Path) -> edge_app.Index:
    return edge_app.Index(
        folder / "index", library=folder / "photos", model=folder / "models/mobilenet_v2.tflite"
    )


@pytest.fixture
def index(place: Path) -> Iterator[edge_app.Index]:
    with opened(place) as index:
        yield index


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'PIL', 'bottle', 'msgspec', 'sqlite3'} & set(sys.modules)"
    code = f"import sys, edge_app; print({heavy}); edge_app.Index; print('numpy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert said.stdout.split("\n")[:2] == ["set()", "True"], said.stderr


def test_every_name_it_offers_is_there() -> None:
    for name in edge_app.__all__:
        assert getattr(edge_app, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        edge_app.no_such_name  # noqa: B018


@pytest.mark.model
def test_the_examples_of_the_document_run(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(blocks) >= 5
    monkeypatch.chdir(place)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert "no such photo.jpg is neither a file nor" in capsys.readouterr().out


@pytest.mark.model
def test_a_second_update_has_nothing_to_do_and_tells_its_progress(index: edge_app.Index) -> None:
    told: list[edge_app.Progress] = []
    report = index.update(on_progress=told.append)
    assert (report.added, report.unchanged) == (0, 4)
    assert told


@pytest.mark.model
def test_whatever_names_a_photo_finds_the_same(index: edge_app.Index, place: Path) -> None:
    photo = place / "photos/2024/a.jpg"
    (image,) = [image for image in index.images() if image.path == "2024/a.jpg"]
    by_id = [(hit.image.path, hit.score) for hit in index.similar(image.id)]
    assert len(by_id) == 3
    assert [(hit.image.path, hit.score) for hit in index.similar(photo)] == by_id
    assert [(hit.image.path, hit.score) for hit in index.similar("2024/a.jpg")] == by_id
    first, *rest = index.similar(photo.read_bytes())
    assert first.image == image
    assert first.score == pytest.approx(1, abs=1e-6)
    ids, vectors = index.vectors()
    row = int(np.flatnonzero(ids == image.id)[0])
    assert [(hit.image.path, hit.score) for hit in index.similar(ids[row])] == by_id
    assert [hit.image.id for hit in index.similar(vectors[row])] == [
        image.id, *(hit.image.id for hit in rest)
    ]  # fmt: skip


@pytest.mark.model
def test_filters_hold_and_a_day_is_whole(index: edge_app.Index) -> None:
    assert {hit.image.folder for hit in index.similar("b.jpg", folder="2024")} == {"2024"}
    assert index.similar("b.jpg", formats=["png"]) == []
    day, before = date(2024, 5, 17), date(2024, 5, 16)
    assert index.similar("b.jpg", taken_to=before) == []
    assert len(index.similar("b.jpg", taken_from=day, taken_to=day)) == 3
    assert index.similar("b.jpg", undated=True) == []
    assert len(index.similar("b.jpg", k=1)) == 1
    assert index.similar("2024/a.jpg", min_score=1) == []


@pytest.mark.model
def test_four_photos_are_too_few_to_say_which_scores_are_high(index: edge_app.Index) -> None:
    scale = index.scale()
    assert (scale.pairs, scale.similar) == (3, None)  # a copy makes no pair
    assert {hit.band for hit in index.similar("b.jpg")} == {None}


@pytest.mark.model
def test_vectors_are_mapped_and_can_not_be_written(index: edge_app.Index) -> None:
    ids, vectors = index.vectors()
    assert (ids.dtype.name, vectors.dtype.name, len(ids)) == ("int64", "float32", len(vectors))
    assert not vectors.flags.writeable
    index.close()
    assert np.isfinite(vectors).all(), "arrays outlive the index"


@pytest.mark.model
def test_duplicates_and_a_check(index: edge_app.Index) -> None:
    (group,) = [group for group in index.duplicates() if group.exact]
    assert (group.keep, group.keep_reason) == (min(i.id for i in group.images), "first")
    assert index.duplicates(kind="identical") == [group]
    assert index.duplicates(kind="same") == []
    assert sorted(image.path for image in group.images) == ["b.jpg", "copy.jpg"]
    assert index.check().problems == []


@pytest.mark.model
def test_a_dismissal_can_be_taken_back(index: edge_app.Index) -> None:
    before = index.duplicates(0.8)
    ids = [image.id for image in before[0].images[:2]]
    assert index.dismiss(ids) == 1
    assert index.dismiss(ids) == 0
    assert index.restore(ids) == 1
    assert index.duplicates(0.8) == before
    with pytest.raises(edge_app.UsageError, match="2 to 100"):
        index.dismiss(ids[:1])
    assert index.decided.mark(np.array(ids)) == 2
    assert {image.id for image in index.decided.marked()} == set(ids)
    assert index.decided.unmark(ids) == 2
    assert index.decided.marked() == []


@pytest.mark.model
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda index: index.similar(999), "image 999"),
        (lambda index: index.similar("none.jpg"), "none.jpg is neither a file nor"),
        (lambda index: index.similar(b"no image"), "not an image"),
        (lambda index: index.similar([]), "nothing to search for"),
        (lambda index: index.similar(np.ones(3, np.float32)), "does not fit 1280 dimensions"),
        (lambda index: index.similar(1, word="espresso"), "word"),
        (lambda index: index.similar(np.ones((2, 2, 2), np.float32)), "is no vector"),
        (lambda index: index.similar(np.array(["a"])), "is no vector"),
        (lambda index: index.similar([[0.1, 0.2], [0.3]]), "list is nothing to search for"),
        (lambda index: index.similar(0.5), "float is nothing to search for"),
        (lambda index: index.embed(7), "int is nothing to search for"),
        (lambda index: index.image(999), "no image 999"),
        (lambda index: index.similar(1, box=(0.5, 0.5, 0.9, 0.1)), "not inside the image"),
        (lambda index: index.similar(1, box=(0.5, 0.5)), "is not four numbers"),
        (lambda index: (index.close(), len(index)), "was closed"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_clear_line(index: edge_app.Index, wrong: object, said: str) -> None:
    assert callable(wrong)
    with pytest.raises(edge_app.EdgeAppError) as error:
        wrong(index)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_before_the_first_update_there_is_nothing_to_search(tmp_path: Path) -> None:
    with edge_app.Index(tmp_path / "index") as index:
        assert len(index) == 0
        with pytest.raises(edge_app.StoreError, match=r"No index in .* yet"):
            index.similar(1)
        with pytest.raises(edge_app.UsageError, match="library="):
            index.update()


@pytest.mark.model
def test_without_a_library_photos_are_read_where_the_index_was_made_from(place: Path) -> None:
    model = place / "models/mobilenet_v2.tflite"
    with opened(place) as index, edge_app.Index(place / "index", model=model) as plain:
        box = (0.0, 0.0, 0.5, 0.5)
        assert plain.similar(1, box=box) == index.similar(1, box=box)


@pytest.mark.model
def test_what_decodes_and_infers_is_chosen_as_on_the_command_line(place: Path) -> None:
    new, model = save(place / "new.jpg", 9), place / "models/mobilenet_v2.tflite"
    with pytest.raises(edge_app.UsageError, match="runtime 'none' is none of"):
        edge_app.Index(place / "index", runtime="none")
    with (
        edge_app.Index(place / "index", model=model, delegate="/no/such.so") as index,
        pytest.raises(edge_app.DelegateError, match=r"/no/such\.so"),
    ):
        index.embed(new)
    tight = edge_app.Limits(file_bytes=10)
    with (
        edge_app.Index(place / "index", model=model, limits=tight) as index,
        pytest.raises(edge_app.EdgeAppError, match="over the limit"),
    ):
        index.embed(new)


def test_several_folders_are_one_library(place: Path, tmp_path: Path) -> None:
    model = place / "models/mobilenet_v2.tflite"
    library = {"first": place / "photos", "second": tmp_path / "more"}
    picture(9, 90, 60).save(_made(tmp_path / "more") / "z.jpg")
    with edge_app.Index(tmp_path / "index", library=library, model=model) as index:
        assert index.update().added == 5
        assert {image.path.partition("/")[0] for image in index.images()} == {"first", "second"}
        (hit, *_) = index.similar(tmp_path / "more/z.jpg", k=1)
        assert hit.image.path.startswith("first/")  # a photo is not its own match
    with edge_app.Index(tmp_path / "index", model=model) as index:
        assert len(index.similar("second/z.jpg", box=(0, 0, 0.5, 0.5), k=2)) == 2
    with pytest.raises(edge_app.UsageError, match="overlap"):
        edge_app.Index(tmp_path / "index", library={"a": tmp_path, "b": tmp_path / "more"})


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
