"""originals: how many originals may be in memory without their location."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_app.api.originals import STRIPPED_BYTES, Stripper
from edge_app.config import Limits
from edge_app.errors import BusyError, LimitError, NotStrippableError
from tools.testing.pictures import picture


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    picture(1).save(path)
    return path


def test_originals_without_location_have_their_room_in_memory(original: Path) -> None:
    stripper = Stripper(Limits().file_bytes, 2 * original.stat().st_size)
    first, second = (stripper.strip(original.open("rb")) for _ in range(2))
    with pytest.raises(BusyError, match="too many originals"):
        stripper.strip(original.open("rb"))
    first.close()
    first.close()  # gives back once
    third = stripper.strip(original.open("rb"))
    with pytest.raises(BusyError):
        stripper.strip(original.open("rb"))
    del second  # a client that is gone
    third.close()
    assert stripper.room_bytes == 2 * original.stat().st_size


def test_an_original_that_can_not_be_cleaned_takes_no_room(original: Path) -> None:
    stripper = Stripper(Limits().file_bytes)
    original.write_bytes(original.read_bytes()[:-5])
    with pytest.raises(NotStrippableError):
        stripper.strip(original.open("rb"))
    assert stripper.room_bytes == STRIPPED_BYTES


def test_an_original_that_has_grown_over_the_limit_is_not_read(original: Path) -> None:
    size = original.stat().st_size
    for stripper in (Stripper(size - 1), Stripper(size, size - 1)):
        with pytest.raises(LimitError, match=f"{size} bytes"):
            stripper.strip(original.open("rb"))
