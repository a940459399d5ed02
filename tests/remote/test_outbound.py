"""Nobody is called but the sources that are named: in a network that has nothing but loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.repo.test_no_outbound import COUNTED
from tools.testing import rclone
from tools.testing.pictures import save
from tools.testing.waiting import PROGRAM_S

pytest.importorskip("opendal")
pytestmark = [pytest.mark.model, pytest.mark.privileged]

INDEXED = """
import sys
from pathlib import Path
from edge_app.cli.arguments import main
from tools.testing.rclone import serving

kind, photos, place, model = sys.argv[1:]
with serving(kind, Path(photos), Path(place) / "server") as served:
    where = ["--gallery", served.url, "--gallery-config", str(served.config)]
    where += ["--index", place + "/index", "--model", model]
    assert main(["index", *where]) == 0
    assert main(["search", "0.png", *where]) == 0
"""


@pytest.mark.parametrize("kind", ["s3", "webdav"])
def test_only_the_source_is_called(kind: str, model: Path, tmp_path: Path) -> None:
    alone = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if not (shutil.which("unshare") and shutil.which("ip") and rclone.program()):
        pytest.skip("unshare, ip (util-linux, iproute2) or rclone is not there")
    if subprocess.run([*alone, "true"], capture_output=True).returncode != 0:
        pytest.skip("this system grants no network namespace")
    for number in range(3):
        save(tmp_path / f"photos/{number}.png", number)
    done = subprocess.run(
        [*alone, sys.executable, "-c", COUNTED, kind, tmp_path / "photos", tmp_path, model],
        input=INDEXED, capture_output=True, text=True, timeout=PROGRAM_S, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["after"] == counts["before"]
    assert counts["after dialling"]["no route"] > counts["after"]["no route"]  # it would be seen
