"""The table of both towers: a line for each model and runtime that can run it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.speed.cost import installed
from benchmarks.speed.towers import table

MODEL = Path(__file__).parents[2] / "tests/fixtures/tinyclip/tiny.tflite"


def test_every_runtime_has_a_line_with_times_and_memory_of_both_towers() -> None:
    _, _, *rows, _, about = table([MODEL], rounds=1).splitlines()
    assert len(rows) == len(installed())
    for row in rows:
        name, runtime, image_mb, text_mb, *measured = row.strip("| ").split(" | ")
        assert name == "tiny" and runtime in installed().values()
        assert (image_mb, text_mb) == ("0.2", "0.1")
        assert len(measured) == 4 and all(float(value) >= 0 for value in measured)
    assert about.startswith("Random weights. ")
