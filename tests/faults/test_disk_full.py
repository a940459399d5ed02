"""A full disk costs the batch that did not fit, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.full import BATCH
from tests.faults.namespace import run_in_mount_namespace

STEP_KIB = 3 if os.environ.get("FAULTS") == "long" else 30
SIZES = range(60, 60 + 40 * 30, STEP_KIB)


@pytest.mark.privileged
def test_a_full_disk_costs_one_batch(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "library").mkdir()
    sizes = (SIZES.start, SIZES.stop, SIZES.step)
    disks = run_in_mount_namespace("tests.faults.full", tmp_path, *sizes)

    assert [disk["size_kib"] for disk in disks] == list(SIZES)
    for disk in disks:
        assert str(tmp_path / "disk" / "index") in disk["message"], disk
        assert "the next batch needs" in disk["message"], disk
        assert disk["served_while_full"], disk
        assert disk["read_while_full"], disk
        assert disk["resumed_at"] == disk["committed"], disk
        assert disk["images"] == (disk["committed"] + 3) * BATCH, disk
        assert disk["problems"] == [], disk
    batches = [disk["committed"] for disk in disks]
    print(f"full disks: {len(disks)}, with {min(batches)} to {max(batches)} batches on them")
    assert batches == sorted(batches)
    assert max(batches) > 10
