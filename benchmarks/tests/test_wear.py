"""A card is written as little as can be: once for what is new, and for nothing else.

benchmarks/load/wear.py counts the same at a block device (docs/small-devices.md).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.load.small_memory import ask, is_idle
from benchmarks.load.wear import calls_bytes, commit_records, needed_bytes
from edge_app.bench.indexing import family
from edge_app.config import Config
from edge_app.index.read.reader import Reader
from edge_app.model.card import ModelIdentity
from tools.testing.hurried import PROGRAM
from tools.testing.pictures import save
from tools.testing.waiting import until

IDENTITY = ModelIdentity("fake", "a" * 64, 1280, 224, "upright-rgb-stretch-1", "any")


def test_an_index_run_writes_little_more_than_vectors_and_thumbnails(tmp_path: Path) -> None:
    """With names and dates at random, which is the worst there is."""
    config = Config(gallery=tmp_path / "library", index=tmp_path / "index")
    before = calls_bytes(os.getpid(), "wchar")
    commit_records(config, IDENTITY, 8192, in_order=False)
    written = calls_bytes(os.getpid(), "wchar") - before
    ratio = written / needed_bytes(config.index)
    print(f"{ratio:.3f}")
    codes = (1280 + 8) / (4 * 1280 + 15_000)
    assert 1 + codes < ratio < 1.18  # 1.20 with pages of 4,096 bytes and a log of 4 MiB


@pytest.fixture
def server(tmp_path: Path, model: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`serve` over a few photos, looking every half second whether there are more; its port."""
    for seed in range(3):
        save(tmp_path / f"library/{seed}.png", seed)
    command = [*PROGRAM, "serve", "--port", "0", "--poll-interval", "0.5"]
    for name, path in {
        "gallery": tmp_path / "library", "index": tmp_path / "index", "model": model,
    }.items():  # fmt: skip
        command += [f"--{name}", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        found = re.search(r":(\d+)/?$", process.stdout.readline().strip())
        assert found
        yield process, int(found[1])
        process.terminate()


@pytest.mark.model
def test_an_idle_server_writes_nothing_though_it_looks_for_photos_again_and_again(
    server: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    process, port = server
    index = tmp_path / "index"
    with Reader(index) as reader:
        until(lambda: is_idle(port) and reader.counts().images == 3)
        if not calls_bytes(process.pid):
            pytest.skip("this file system's writes are not counted")
        assert ask(port, "/api/images/1/similar")[0] == 200
        until(lambda: not json.loads(ask(port, "/api/duplicates")[1])["pending"])
        wait_for_runs(process.pid, 2)  # whatever the first one left to do is done
        # A run that opens the catalogue marks a page or two of the log's shared memory. They count
        # once; and again where the kernel has written them meanwhile, which is made sure of here.
        subprocess.run(["sync", "--file-system", index], check=True)
        version, files, written = reader.version(), listed(index), calls_bytes(process.pid)
        wait_for_runs(process.pid, 3)
        assert calls_bytes(process.pid) - written <= (index / "catalog.db-shm").stat().st_size
        assert listed(index) == files
        assert reader.version() == version


def listed(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file that is more than shared memory."""
    files = [path for path in folder.iterdir() if not path.name.endswith("-shm")]
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def wait_for_runs(pid: int, count: int) -> None:
    """Until the server has started so many runs of the indexer, and all but the last are over."""
    seen: set[int] = set()

    def are_seen() -> bool:
        for member in family(pid):
            with suppress(OSError):  # it has ended
                if b"\0index\0--json\0" in Path(f"/proc/{member}/cmdline").read_bytes():
                    seen.add(member)
        return len(seen) >= count

    until(are_seen)
