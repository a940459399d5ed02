"""An index run of 10,000 images, 1 % of them broken, killed three times on its way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_app.config import Limits
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer
from edge_app.photos.children.pool import DecodePool
from tests.conftest import ROOT
from tests.fakes import SIZE_PX, FakeEmbedder
from tools.testing.pictures import picture

IMAGES, BROKEN = 9_900, 100
KILLS = (2_000, 4_500, 7_000)  # reported files at which the process is killed


def run_index(root: Path, index: Path) -> None:
    """What the killed process does: one run, a line of the number of files for each report."""
    embedder, limits = FakeEmbedder(), Limits()
    with (
        Writer(index, root, embedder.identity) as writer,
        DecodePool(SIZE_PX, limits, workers=2, nice=0) as pool,
    ):
        indexer.index(
            root, writer, pool, embedder, limits, on_progress=lambda p: print(p.done, flush=True)
        )


def make_library(root: Path) -> None:
    """Small images, each another; every hundredth file is cut short."""
    for number in range(IMAGES + BROKEN):
        folder = root / f"{number // 500:02}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{number:05}.bmp"
        picture(number, 16, 16).save(file)
        if number % (IMAGES // BROKEN + 1) == 0:
            file.write_bytes(file.read_bytes()[:100])


@pytest.mark.slow
def test_10000_images_three_kills_and_the_counts_are_right(tmp_path: Path) -> None:
    root, index = tmp_path / "library", tmp_path / "index"
    make_library(root)
    script = "import sys; from pathlib import Path; from tests.faults import test_killed_run as t; "
    script += "t.run_index(*map(Path, sys.argv[1:]))"
    reported = 0
    for goal in (*KILLS, None):
        process = subprocess.Popen(
            [sys.executable, "-c", script, root, index],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        with process, process.stdout:
            done = 0
            for line in process.stdout:
                done = int(line)
                if goal is not None and reported + done >= goal:
                    process.kill()
                    break
        reported += done
        with Reader(index) as reader:
            counts = reader.counts()
        assert counts.images + counts.rejected >= reported  # nothing reported was lost
    assert process.returncode == 0
    assert (counts.images, counts.rejected) == (IMAGES, BROKEN)
    assert reported >= KILLS[-1]
    report = check(index)
    assert not report.problems
    assert report.rows == IMAGES
    print(f"\n{len(KILLS)} kills in a run of {IMAGES + BROKEN} files: every count is right")
