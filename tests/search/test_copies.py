"""Three kinds of groups: identical files, the same picture, and photos that are alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.index.read.reader import Reader
from edge_app.index.write.batch import Batch
from edge_app.photos.pattern import FLAT
from edge_app.search.alike.duplicates import Kind
from edge_app.search.alike.groups import Review
from edge_app.search.alike.patterns import turned
from tests.indexes import DIM, new_image, writer_of

NOON = 1_600_000_000


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader(tmp_path / "index") as reader:
        yield reader


def pattern(seed: int, flips: int = 0) -> int:
    """A pattern for each seed, with so many bits flipped."""
    random = np.random.default_rng(seed)
    value = int(random.integers(1, 2**62))
    for bit in random.choice(64, flips, replace=False).tolist():
        value ^= 1 << bit
    return value


def vector(direction: int, closeness: float = 1.0) -> NDArray[np.float32]:
    """A unit vector that scores `closeness` with direction's axis."""
    values = np.zeros(DIM, np.float32)
    values[direction], values[-1] = closeness, np.sqrt(1 - closeness**2)
    return values


def add(folder: Path, **images: dict[str, Any]) -> None:
    """Index an image for each name, with these facts."""
    with writer_of(folder) as writer:
        found = [new_image(f"{name}.jpg", **facts) for name, facts in images.items()]
        writer.commit(Batch(images=found))


def kinds(reader: Reader, kind: Kind | None = None) -> list[tuple[str, str]]:
    """Each group's kind, and the names of its photos."""
    groups = Review(reader).all_groups(0.9).of_kind(kind)
    return [
        (group.kind, " ".join(reader.image(member.id).name[:-4] for member in group.members))
        for group in groups
    ]


def test_the_three_kinds(tmp_path: Path, reader: Reader) -> None:
    content = b"c" * 16
    add(
        tmp_path,
        a={"vector": vector(0), "pattern": pattern(1)},
        small={"vector": vector(1), "pattern": pattern(1, 6)},  # whatever the model thinks
        b={"vector": vector(2), "pattern": pattern(2), "content": content},
        twin={"vector": vector(2), "pattern": pattern(2), "content": content},
        next={"vector": vector(2, 0.95), "pattern": pattern(3)},
        other={"vector": vector(3), "pattern": pattern(4)},
    )
    assert kinds(reader) == [("identical", "b twin"), ("same", "a small"), ("alike", "b next")]
    assert kinds(reader, "same") == [("same", "a small")]
    assert kinds(reader, "alike") == [("alike", "b next")]


def test_identical_files_are_listed_though_edited_copies_are_with_them(
    tmp_path: Path, reader: Reader
) -> None:
    content = b"c" * 16
    add(
        tmp_path,
        a={"vector": vector(0), "pattern": pattern(1), "content": content},
        twin={"vector": vector(0), "pattern": pattern(1), "content": content},
        small={"vector": vector(0, 0.95), "pattern": pattern(1, 2)},
    )
    assert kinds(reader) == [("same", "a twin small")]
    assert kinds(reader, "identical") == [("identical", "a twin")]


def test_the_photos_of_a_burst_are_alike_and_no_copies(tmp_path: Path, reader: Reader) -> None:
    def shot(closeness: float, seconds: int, ms: int | None, flips: int) -> dict[str, Any]:
        taken = {"taken_at": NOON + seconds, "taken_from": "exif", "taken_ms": ms}
        return {"vector": vector(0, closeness), "pattern": pattern(1, flips), **taken}

    add(
        tmp_path,
        a=shot(1.0, 0, 100, 0),
        b=shot(0.999, 0, 300, 1),  # the same second, another millisecond
        c=shot(0.998, 1, None, 2),
        edited_a=shot(0.9, 0, 100, 3),  # a copy keeps the moment
    )
    assert kinds(reader) == [("same", "a edited_a"), ("alike", "a b c")]


def test_a_copy_that_lost_its_date_is_still_one(tmp_path: Path, reader: Reader) -> None:
    dated = {"taken_at": NOON, "taken_from": "exif"}
    add(
        tmp_path,
        a={"vector": vector(0), "pattern": pattern(1), **dated},
        sent={"vector": vector(0), "pattern": pattern(1, 3)},
        renamed={
            "vector": vector(0), "pattern": pattern(1, 4), "taken_at": NOON + 9,
            "taken_from": "name",
        },
    )  # fmt: skip
    assert kinds(reader) == [("same", "a sent renamed")]


def test_different_screenshots_are_alike_and_no_copies(tmp_path: Path, reader: Reader) -> None:
    shots = {
        f"s{n}": {"vector": vector(0, 0.98 + n / 1000), "pattern": pattern(n)} for n in range(12)
    }
    add(tmp_path, **shots)
    assert [kind for kind, _ in kinds(reader)] == ["alike"]


def test_two_pngs_of_one_size_that_differ_are_two_screenshots(
    tmp_path: Path, reader: Reader
) -> None:
    png = {"format": "PNG", "width_px": 1080, "height_px": 1920}
    add(
        tmp_path,
        a={"vector": vector(0), "pattern": pattern(1), **png},
        other={"vector": vector(0, 0.99), "pattern": pattern(1, 2), **png},
        saved_again={"vector": vector(0), "pattern": pattern(1), **png},
        sent={"vector": vector(0, 0.97), "pattern": pattern(1, 3), **png, "format": "JPEG"},
        half={
            "vector": vector(0, 0.96), "pattern": pattern(1, 4), "format": "PNG",
            "width_px": 540, "height_px": 960,
        },
    )  # fmt: skip
    assert kinds(reader) == [("same", "a saved_again sent half"), ("alike", "a other")]


def test_flat_frames_are_like_nothing(tmp_path: Path, reader: Reader) -> None:
    frames = {f"f{n}": {"vector": vector(0, 0.999), "pattern": FLAT} for n in range(5)}
    dark = {"dark": {"vector": vector(0), "pattern": pattern(1)}}
    add(tmp_path, **frames, **dark, also={"vector": vector(0, 0.99), "pattern": pattern(2)})
    assert kinds(reader) == [("alike", "dark also")]


def test_no_chain_leads_from_one_picture_to_another(tmp_path: Path, reader: Reader) -> None:
    """Each is within 6 bits of the one before it, and no further."""
    bits = [0] + [(1 << (6 * n)) - 1 for n in range(1, 6)]
    start = pattern(1)
    photos = {
        f"p{n}": {"vector": vector(n), "pattern": start ^ value} for n, value in enumerate(bits)
    }
    add(tmp_path, **photos)
    assert kinds(reader) == [("same", "p0 p1"), ("same", "p2 p3"), ("same", "p4 p5")]


def test_smooth_pictures_are_copies_by_a_very_high_score_and_their_shape(
    tmp_path: Path, reader: Reader
) -> None:
    wide = {"width_px": 400, "height_px": 300}
    add(
        tmp_path,
        a={"vector": vector(0), "pattern": pattern(1), **wide},
        half={
            "vector": vector(0, 0.995), "pattern": pattern(1, 12), "width_px": 200,
            "height_px": 150,
        },
        other_shape={
            "vector": vector(0, 0.995), "pattern": pattern(1, 13), "width_px": 300,
            "height_px": 300,
        },
        too_far={"vector": vector(0, 0.995), "pattern": pattern(1, 20), **wide},
    )  # fmt: skip
    assert kinds(reader) == [("same", "a half"), ("alike", "a other_shape too_far")]


def test_a_mirrored_copy_is_the_same_picture(tmp_path: Path, reader: Reader) -> None:
    mirrored = int(turned(np.array([pattern(1)], np.uint64))[1, 0])
    add(
        tmp_path,
        a={"vector": vector(0), "pattern": pattern(1)},
        mirrored={"vector": vector(1), "pattern": mirrored},
    )
    assert kinds(reader) == [("same", "a mirrored")]


def test_what_was_dismissed_is_not_offered_again(tmp_path: Path, reader: Reader) -> None:
    add(
        tmp_path,
        a={"vector": vector(0), "pattern": pattern(1)},
        b={"vector": vector(0, 0.99), "pattern": pattern(1, 2)},
        c={"vector": vector(0, 0.98), "pattern": pattern(1, 3)},
    )
    review = Review(reader)
    review.dismiss([1, 2])
    assert kinds(reader) == [("same", "a c")]
    review.dismiss([1, 3])
    assert kinds(reader) == [("same", "b c")]
    review.dismiss([2, 3])
    assert kinds(reader) == []


def test_an_index_without_patterns_says_so_and_guesses_nothing(
    tmp_path: Path, reader: Reader
) -> None:
    add(tmp_path, a={"vector": vector(0)}, b={"vector": vector(0, 0.995)})
    found = Review(reader).all_groups(0.9)
    assert found.unpatterned == 2
    assert [group.kind for group in found.groups] == ["alike"]
