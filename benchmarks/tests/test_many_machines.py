"""many_machines: a cluster on a network of its own, in which machines die, are cut off and join."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.load.clustertables import Measured, on_paper
from benchmarks.load.network import possible
from benchmarks.load.servers import ROOT

pytest.importorskip("distributed")


@pytest.mark.privileged
@pytest.mark.model
@pytest.mark.slow
def test_what_machines_do_is_what_one_does_whoever_dies_or_is_cut_off(model: Path) -> None:
    if why := possible():
        pytest.skip(why)
    words = ["faults", "--photos", 96, "--rows", 20_000, "--queries", 40, "--model", model]
    command = [sys.executable, "-m", "benchmarks.load.many_machines", *map(str, words), "--json"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    assert found["indexed"] == {**found["indexed"], "added": 96, "same": True}
    assert found["indexed"]["by_machines"] > 0
    answered = found["answered"]
    assert (answered["queries"], answered["wrong"]) == (40, 0)
    assert "ready" in answered["states"]
    assert answered["searched"] > 0
    left = subprocess.run(["ip", "netns", "list"], check=True, stdout=subprocess.PIPE, text=True)
    assert "lookalike" not in left.stdout


def test_what_is_worked_out_on_paper_follows_from_what_was_measured() -> None:
    measured = Measured(
        vector_bytes=1024, code_bytes=264, catalogue_bytes=330, thumbnail_bytes=15_000,
        network_bytes=17_000, embed_s=1 / 15, writer_s=0.0025, scan_bytes_per_s=10e9,
        pairs_per_s=1.4e9,
    )  # fmt: skip
    lines = on_paper(measured).splitlines()
    cells = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ")[1:] for line in lines}
    assert cells["thumbnails of 15 KB"] == ["75 GB", "750 GB", "15 TB"]
    assert cells["machines that hold their part of the codes in 6 GB"] == ["1", "3", "44"]
    assert cells["a query, if each machine reads 10 GB a second"] == ["0.13 s", "0.44 s", "0.60 s"]
    assert cells["writing the index by one machine, 2.5 ms a photo"] == ["3.5 h", "35 h", "29 days"]
    assert "keeps up with 27 cores" in lines[-1]
