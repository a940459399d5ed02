"""keep: the copy that knows most, then the one that shows most; enlarged ones never win."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_app.config import Limits
from edge_app.index.format.records import ImageRecord
from edge_app.library.folder import Folder
from edge_app.search.alike import keeper as keepers
from edge_app.search.alike.keep import Keep, Patches, choose
from edge_app.search.alike.keeper import Keeper
from tools.testing.waiting import PATIENCE_S

Edit = Callable[[Image.Image], Image.Image]


def record(id: int, **facts: Any) -> ImageRecord:
    values: dict[str, Any] = {
        "path": f"{id}.jpg", "size_bytes": 1000, "mtime_ns": 0, "content": bytes([id]) * 16,
        "width_px": 400, "height_px": 300, "format": "JPEG", "taken_at": None, "taken_from": None,
        "camera": None, "note": None, "offline": False, "thumb_offset": 0, "thumb_bytes": 1,
        "thumb_crc": 1, "located": False,
    }  # fmt: skip
    return ImageRecord(id=id, **{**values, **facts})


def unread(image: ImageRecord) -> Patches | None:
    pytest.fail(f"{image.path} was read for nothing")


EXIF = {"taken_at": 1, "taken_from": "exif"}


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        ([{"size_bytes": 9}, {**EXIF, "size_bytes": 1}], Keep(2, "date")),
        ([{"size_bytes": 9, "taken_at": 1, "taken_from": "name"}, EXIF], Keep(2, "date")),
        ([EXIF, {**EXIF, "located": True, "size_bytes": 1}], Keep(2, "place")),
        ([{**EXIF, "width_px": 800}, {**EXIF, "located": True}], Keep(2, "place")),
        ([{"size_bytes": 1}, {"size_bytes": 2}, {"size_bytes": 2}], Keep(2, "bytes")),
        ([{}, {}], Keep(1, "first")),
        ([{"offline": True, "content": b"c" * 16}, {"content": b"c" * 16}], Keep(2, "first")),
    ],
)  # fmt: skip
def test_date_then_place_then_bytes_decide_without_reading_originals(
    facts: list[dict[str, Any]], kept: Keep
) -> None:
    images = [record(id, **each) for id, each in enumerate(facts, 1)]
    assert choose(images, unread) == kept
    assert choose(images[::-1], unread) == kept


def test_where_originals_can_not_be_read_nothing_is_guessed() -> None:
    images = [record(1), record(2, width_px=800, height_px=600, size_bytes=9000)]
    assert choose(images, lambda image: None) == Keep(None, "unknown")


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    with closing(Keeper(Folder(tmp_path), Limits())) as keeper:
        yield keeper


def scaled(across: float, down: float) -> Edit:
    return lambda photo: photo.resize(
        (round(photo.width * across), round(photo.height * down)), Image.Resampling.BICUBIC
    )


@pytest.mark.parametrize(
    ("edit", "share"),
    [
        pytest.param(scaled(2, 2), 0.97, id="enlarged"),
        pytest.param(scaled(1.5, 1.5), 0.9, id="enlarged a little"),
        pytest.param(scaled(3, 3), 0.9, id="enlarged much"),
        pytest.param(scaled(2, 1), 0.97, id="stretched"),
        pytest.param(scaled(1, 2), 0.97, id="stretched upwards"),
        pytest.param(lambda photo: scaled(2, 2)(photo).rotate(90, expand=True), 0.97, id="turned"),
        pytest.param(scaled(0.5, 0.5), 0.9, id="made smaller"),
        pytest.param(scaled(0.8, 0.8), 0.9, id="made a little smaller"),
    ],
)
def test_the_original_wins_over_copies_of_other_sizes(
    keeper: Keeper, tmp_path: Path, flowers: Path, edit: Edit, share: float
) -> None:
    """Whatever the copy's bytes: its JPEG is saved at 97."""
    chosen = random.Random(7).sample(sorted(flowers.rglob("*.jpg")), 30)
    right = 0
    for number, file in enumerate(chosen):
        photo = Image.open(file).convert("RGB")
        copy = edit(photo)
        names = [f"{number}.jpg", f"{number}-copy.jpg"]
        photo.save(tmp_path / names[0], quality=95)
        copy.save(tmp_path / names[1], quality=97)
        images = [
            record(
                id, path=name, width_px=image.width, height_px=image.height,
                content=bytes([number, id]) * 8, size_bytes=(tmp_path / name).stat().st_size,
            )
            for id, (name, image) in enumerate(zip(names, (photo, copy), strict=True), 1)
        ]  # fmt: skip
        keep = keeper.now(images)
        assert keep.id is not None
        right += keep == Keep(1, "detail")
    assert right >= share * len(chosen)


def test_requests_get_the_answer_once_it_is_found(
    keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "WAIT_S", PATIENCE_S)
    groups = [[record(1), record(2)], [record(3), record(4, width_px=800, height_px=600)]]
    assert keeper.soon(groups) == [Keep(1, "first"), Keep(None, "unknown")]
    Image.effect_noise((400, 300), 60).convert("RGB").save(tmp_path / "3.jpg")
    Image.open(tmp_path / "3.jpg").resize((800, 600)).save(tmp_path / "4.jpg")
    assert keeper.soon(groups)[1] == Keep(None, "unknown"), "not tried again at once"
    monkeypatch.setattr(keepers, "AGAIN_S", 0.0)
    assert keeper.soon(groups)[1] == Keep(3, "detail")


def test_a_hostile_original_is_one_that_can_not_be_read(keeper: Keeper, tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff and nothing more")
    images = [record(1), record(2, width_px=800, height_px=600)]
    assert keeper.now(images) == Keep(None, "unknown")
