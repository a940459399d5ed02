"""Where the kernel gives too few watches, it is said which setting to raise; until then the
library is polled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.namespace import run_in_mount_namespace


@pytest.mark.privileged
def test_a_limit_of_inotify_is_said_and_raising_it_is_enough(tmp_path: Path) -> None:
    watches, instances = run_in_mount_namespace("tests.faults.limits", tmp_path)
    for state in (watches, instances):
        assert (state["online"], state["mode"]) == (True, "polling")
    assert "sudo sysctl user.max_inotify_watches=" in watches["polled_because"]
    assert "(12)" in watches["polled_because"]
    assert "sudo sysctl user.max_inotify_instances=" in instances["polled_because"]
