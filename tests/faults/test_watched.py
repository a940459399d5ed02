"""A drive that goes away under a running server is offline soon, and watched again soon after it is
back: whatever takes it away and brings it back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edge_app.indexing.watch import SETTLE_S
from edge_app.library.watching import LOOK_S, STALE_S
from tests.faults.namespace import run_in_mount_namespace
from tools.testing import rclone


def test_soon_is_well_within_half_a_minute() -> None:
    assert LOOK_S + SETTLE_S <= 10
    assert LOOK_S + STALE_S < 30


@pytest.mark.privileged
def test_drives_that_come_and_go_are_noticed(tmp_path: Path) -> None:
    told = {one["case"]: one for one in run_in_mount_namespace("tests.faults.watched", tmp_path)}
    assert len(told) == 6
    for case, one in told.items():
        assert one["mode"] == "events", one
        missing = case in ("its mount point removed", "above the root")
        assert ("No such file" if missing else "none of the indexed") in one["why"], one


@pytest.mark.privileged
@pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="no access to /dev/fuse")
def test_a_share_that_does_not_answer_is_offline_until_it_is_gone(tmp_path: Path) -> None:
    come, hanging, cut_off, without = run_in_mount_namespace("tests.faults.hanging", tmp_path)
    assert (come["late"], come["online"]) == ("does not answer", False)
    assert come["silent"] == [True, "library"]
    assert come["linked"] == ["link", "link", "a.jpg", True, "link"]
    assert come["later"] == ["share", "a/a.jpg"]
    assert come["unreadable"] == ["here/library", "nas"]
    assert come["offline"].keys() == {"nas"} and "does not answer" in come["offline"]["nas"]
    assert (hanging["online"], hanging["offline_because"]) == (False, "does not answer")
    assert cut_off["offline_because"] == "can't be reached: Transport endpoint is not connected"
    assert hanging["kind"] == "fuse.rclone"
    assert (without["online"], without["mode"]) == (True, "events")


@pytest.mark.privileged
@pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="no access to /dev/fuse")
@pytest.mark.skipif(not shutil.which("fusermount3"), reason="FUSE mounts need fusermount3")
def test_a_real_rclone_mount_is_polled(tmp_path: Path) -> None:
    program = rclone.program() or pytest.skip("rclone is not installed")
    mounted, unmounted = run_in_mount_namespace("tests.faults.rclone", tmp_path, program)
    assert (mounted["online"], mounted["mode"], mounted["paths"]) == (True, "polling", ["a.jpg"])
    assert "fuse.rclone" in mounted["polled_because"]
    assert (unmounted["online"], unmounted["mode"]) == (False, "events")
