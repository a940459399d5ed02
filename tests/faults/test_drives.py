"""A second drive below the library root that goes away is offline, and what is on it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.drives import HERE, ON_DRIVE
from tests.faults.namespace import run_in_mount_namespace


@pytest.mark.privileged
def test_a_drive_below_the_root_goes_away_and_comes_back(tmp_path: Path) -> None:
    first, without, back, deleted, later, pulled = run_in_mount_namespace(
        "tests.faults.drives", tmp_path
    )
    assert first["added"] == first["embedded"] == HERE + ON_DRIVE
    assert (without["removed"], without["offline"], without["embedded"]) == (0, ON_DRIVE, 0)
    assert without["away"] == [{"folder": "my drive", "images": ON_DRIVE}]
    assert (back["unchanged"], back["offline"], back["embedded"]) == (HERE + ON_DRIVE, 0, 0)
    assert back["away"] == []
    assert (deleted["removed"], deleted["unchanged"]) == (1, HERE + ON_DRIVE - 1)
    assert (later["added"], later["removed"]) == (1, 0)
    assert (pulled["removed"], pulled["offline"]) == (0, 1)
