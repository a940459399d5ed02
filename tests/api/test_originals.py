"""originals: those that leave without their location take no memory while they are sent."""

from __future__ import annotations

import os
from pathlib import Path

import bottle
import pytest

from edge_app.api.files import originals
from edge_app.api.files.originals import STRIPPED_KNOWN, Sent, Stripper, send_original
from edge_app.config import Limits
from edge_app.errors import LimitError, NotStrippableError
from edge_app.library.source import Original
from edge_app.photos.stripping.strip import without_location
from tools.testing.pictures import picture


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    picture(1).save(path)
    return path


def test_an_original_without_location_is_read_from_its_file(original: Path) -> None:
    """So a client that reads slowly holds a descriptor and no memory."""
    stripper = Stripper(Limits().file_bytes)
    cleaned = without_location(original.read_bytes())
    with stripper.strip(original.open("rb")) as first:
        readers = [stripper.strip(original.open("rb")) for _ in range(100)]
        assert first.read() == cleaned
        for reader in readers:
            assert reader.seek(-7, os.SEEK_END) == len(cleaned) - 7
            assert reader.read(100) == cleaned[-7:]
            reader.close()
    assert first.closed


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_it_is_read_in_any_pieces(original: Path, size: int) -> None:
    cleaned = without_location(original.read_bytes())
    with Stripper(Limits().file_bytes).strip(original.open("rb")) as file:
        assert b"".join(iter(lambda: file.read(size), b"")) == cleaned
        for start in range(0, len(cleaned), 97):
            file.seek(start)
            assert file.read(size) == cleaned[start : start + size]


def test_an_original_that_changes_while_it_is_sent_is_sent_no_further(original: Path) -> None:
    """Its location may be where its pixels were."""
    stripper = Stripper(Limits().file_bytes)
    data = original.read_bytes()
    with stripper.strip(original.open("rb")) as file:
        assert file.read(100)
        original.write_bytes(data[:20] + b"SECRETPLACE" * 5000)
        with pytest.raises(OSError, match="changed"):
            file.read(100)
    original.write_bytes(data)
    with stripper.strip(original.open("rb")) as file:
        assert file.read() == without_location(data)


def test_what_is_known_of_originals_is_bounded(tmp_path: Path) -> None:
    stripper = Stripper(Limits().file_bytes)
    for number in range(STRIPPED_KNOWN + 10):
        path = tmp_path / f"{number}.png"
        picture(number, 16, 16).save(path)
        stripper.strip(path.open("rb")).close()
    assert len(stripper._known) == STRIPPED_KNOWN


def test_an_original_that_can_not_be_cleaned_is_closed(original: Path) -> None:
    stripper = Stripper(Limits().file_bytes)
    original.write_bytes(original.read_bytes()[:-5])
    for _ in range(3):
        with original.open("rb") as file, pytest.raises(NotStrippableError):
            stripper.strip(file)


def test_an_original_that_has_grown_over_the_limit_is_not_read(
    original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = original.stat().st_size
    with original.open("rb") as file:
        with pytest.raises(LimitError, match=f"{size} bytes"):
            Stripper(size - 1).strip(file)
        monkeypatch.setattr(originals, "STRIPPED_BYTES", size - 1)
        with pytest.raises(LimitError, match=f"{size} bytes"):
            Stripper(size).strip(file)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3 * 10**11, "Fri, 31 Dec 9999 23:59:59 GMT"),  # btrfs and tmpfs know later years
        (-(10**11), "Thu, 01 Jan 1970 00:00:00 GMT"),
        (1_500_000_000, "Fri, 14 Jul 2017 02:40:00 GMT"),
    ],
)
def test_a_file_of_any_time_is_sent(original: Path, seconds: int, said: str) -> None:
    bottle.request.bind({})
    opened = Original(original.open("rb"), original.stat().st_size, seconds * 10**9)
    answer = send_original(opened, Sent.raw("photo.cr2"), download=False)
    assert (answer.status_code, answer.headers["Last-Modified"]) == (200, said)
    answer.body.close()
