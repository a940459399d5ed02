"""The server in a memory limit that its vectors don't fit in: it answers, and nothing is killed.

A scaled-down run of benchmarks/load/small_memory.py: 20,000 images under 136 or
144 MiB here, 100,000 under 256 MiB there. Page cache is counted, and there is no swap.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.load import small_memory
from benchmarks.load.small_memory import make_library, visit
from edge_app.config import Config, MiB
from tools.testing.cgroup import forget, memory_limit

pytestmark = [pytest.mark.model, pytest.mark.privileged, pytest.mark.alone]

ROWS = 20_000  # of 1,280 numbers: 98 MiB of vectors
# For them, two Python processes with NumPy, one with TFLite, and what is read. Python 3.13 and the
# NumPy that goes with it take 129 MiB for themselves at times, 5 more than 3.11.
LIMIT_MIB = 136 if sys.version_info < (3, 12) else 144


def test_it_serves_searches_and_indexes_in_less_memory_than_its_vectors_take(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_memory, "THUMBNAIL_BYTES", 2000)
    monkeypatch.setattr(small_memory, "_PAUSE_S", 0.1)
    config = Config(gallery=tmp_path / "library", index=tmp_path / "index", model=model)
    with memory_limit(LIMIT_MIB * MiB) as group:
        if group is None:
            pytest.skip("no memory cgroup may be made here; it takes root")
        make_library(config, ROWS)
        forget(config.index)
        seen = visit(config, group, ROWS, searches=10)
    print(seen)
    assert seen.kills == seen.errors == 0
    assert seen.images == ROWS
    assert seen.own_bytes > LIMIT_MIB * MiB / 2
    assert seen.peak_bytes <= LIMIT_MIB * MiB
