"""A running server whose drive goes away says so and goes on, and needs no restart afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.namespace import run_in_mount_namespace
from tests.faults.unplugged import PHOTOS


@pytest.mark.privileged
@pytest.mark.model
def test_a_server_outlives_its_drive(tmp_path: Path, model: Path) -> None:
    told = run_in_mount_namespace("tests.faults.unplugged", tmp_path, model)
    cases = ["unmounted", "mounted", "added"] * 2 + ["started", "mounted"]
    assert [one["case"] for one in told] == cases
    for one in told:
        assert (one["thumbnail"], one["similar"]) == (200, 200), one
        assert one["watching"] == "events", one
        if one["case"] in ("unmounted", "started"):
            assert "my photos has none of the indexed photos" in one["message"], one
            assert one["original"] == 404, one
        else:
            assert (one["message"], one["original"]) == (None, 200), one
    assert [one["images"] for one in told if one["case"] == "added"] == [PHOTOS + 1, PHOTOS + 2]
    assert told[-1]["images"] == PHOTOS + 2


@pytest.mark.privileged
@pytest.mark.model
@pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="no access to /dev/fuse")
def test_a_server_whose_share_hangs_answers_everything_else(tmp_path: Path, model: Path) -> None:
    hanging, back = run_in_mount_namespace("tests.faults.hanging", tmp_path, model)
    assert hanging == {
        "healthz": 200,
        "api": 200,
        "thumbs": 200,
        "originals": 503,
        "message": "the photo folder library does not answer",
    }
    assert back == {"originals": 200}
