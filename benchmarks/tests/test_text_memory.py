"""A model with two towers serves and searches under a memory limit, photos and texts.

A scaled-down run of benchmarks/load/text_memory.py: 20,000 images and small towers of random
numbers here, 100,000 and towers of the true shapes there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.load import small_memory
from benchmarks.load.small_memory import make_library
from benchmarks.load.text_memory import visit
from edge_app.config import Config, MiB
from tools.testing.cgroup import forget, memory_limit

pytestmark = [pytest.mark.privileged, pytest.mark.alone]

MODEL = Path(__file__).parents[2] / "tests/fixtures/tinyclip/tiny.tflite"
ROWS, LIMIT_MIB = 20_000, 144


def test_texts_are_answered_under_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_memory, "THUMBNAIL_BYTES", 500)
    config = Config(gallery=tmp_path / "library", index=tmp_path / "index", model=MODEL)
    with memory_limit(LIMIT_MIB * MiB) as group:
        if group is None:
            pytest.skip("no memory cgroup may be made here; it takes root")
        make_library(config, ROWS)
        forget(config.index)
        seen, texts_ms, _ = visit(config, group, ROWS, searches=5)
    assert seen.kills == seen.errors == 0
    assert len(texts_ms) == 5
    assert seen.peak_bytes <= LIMIT_MIB * MiB
