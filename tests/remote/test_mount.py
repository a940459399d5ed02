"""`rclone mount`, as docs/remote.md has it: a library like others, polled, offline without it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from edge_app.config import Limits
from edge_app.errors import LibraryError
from edge_app.index.read.reader import Reader
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer
from edge_app.indexing.plan import IndexReport
from edge_app.library.mounts import mount_of, mounts
from edge_app.photos.children.pool import DecodePool
from tests.fakes import SIZE_PX, FakeEmbedder
from tools.testing import rclone
from tools.testing.pictures import save
from tools.testing.waiting import PATIENCE_S, until

pytestmark = pytest.mark.privileged


@contextmanager
def mounted(source: Path, point: Path) -> Iterator[None]:
    program = rclone.program()
    if not program or not shutil.which("fusermount3") or not os.access("/dev/fuse", os.R_OK):
        pytest.skip("rclone or FUSE is not there")
    process = subprocess.Popen(
        [program, "mount", str(source), str(point), "--read-only", "--config", os.devnull,
         "--vfs-cache-mode", "minimal", "--dir-cache-time", "0s"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: process.poll() is not None or os.path.ismount(point))
        if process.poll() is not None:
            pytest.skip("this system lets us mount nothing")
        yield
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(point)], check=False, capture_output=True)
        process.terminate()
        process.wait(PATIENCE_S)


def run(root: Path, index: Path) -> IndexReport:
    embedder, limits = FakeEmbedder(), Limits()
    with (
        Writer(index, root, embedder.identity) as writer,
        DecodePool(SIZE_PX, limits, workers=1, nice=0) as pool,
    ):
        return indexer.index(root, writer, pool, embedder, limits)


def test_a_mounted_remote_is_indexed_polled_and_offline_without_rclone(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"far/2019/{number}.png", number)
    point = tmp_path / "near"
    point.mkdir()
    with ExitStack() as mount:
        mount.enter_context(mounted(tmp_path / "far", point))
        assert run(point, tmp_path / "index").added == 4
        found = mount_of(str(point), mounts())
        assert found is not None and not found.has_events
    report = None
    with suppress(LibraryError):
        report = run(point, tmp_path / "index")  # an empty folder
    assert report is None or (report.removed, report.offline) == (0, 4)
    with Reader(tmp_path / "index") as reader:
        assert reader.counts().images == 4
    with mounted(tmp_path / "far", point):
        report = run(point, tmp_path / "index")
    assert (report.unchanged + report.moved, report.added, report.removed) == (4, 0, 0)
