"""many_machines: a cluster on a network of its own, in which machines die, are cut off and join."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
