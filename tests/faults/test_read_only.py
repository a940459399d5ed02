"""From read-only media everything is served, the last commit included, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.namespace import run_in_mount_namespace
from tests.faults.readonly import IMAGES


@pytest.mark.privileged
def test_read_only_media_are_served_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "library").mkdir()
    closed, killed, copied = run_in_mount_namespace("tests.faults.readonly", tmp_path)
    assert not closed["had_log"]
    assert killed["had_log"]
    assert copied["had_log"]
    for found in (closed, killed, copied):
        assert found["served"] == IMAGES, found
        assert found["served_later"] == found["images"] == IMAGES + 1, found
        assert found["problems"] == [], found
        assert str(tmp_path / "media" / "index") in found["refused"], found
        assert "Read-only file system" in found["refused"], found
