"""A kill inside COMMIT, a server that goes on reading, a new writer, a power cut: in that order.

The killed writer's transaction is complete in the write-ahead log, but the log's index, which the
server keeps alive, ends before it. Nobody sees it, until after a power cut it is recovered.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_app.errors import StoreError
from edge_app.index.format.catalog import Catalog
from edge_app.index.read.reader import Reader
from edge_app.index.write.batch import Batch
from edge_app.index.write.writer import Writer
from tests.indexes import new_image, view, writer_of

COMMIT = """
import os, sys
from pathlib import Path
from edge_app.index.write.batch import Batch
from tests.indexes import new_image, writer_of
writer_of(Path(sys.argv[1])).commit(Batch(images=[new_image("killed.jpg")]))
os._exit(0)
"""


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """An index of one image below `folder`, with a server reading it."""
    (folder / "library").mkdir(parents=True)
    with Reader(folder / "index") as server:
        with writer_of(folder) as writer:
            writer.commit(Batch(images=[new_image("reported.jpg")]))
            server.snapshot()
        yield


def commit_in_child(folder: Path, *strace_options: str) -> int:
    """Let another process commit one image, under strace; how often it called fdatasync."""
    log = folder / "strace"
    strace = ["strace", "-f", "-e", "trace=fdatasync", *strace_options, "-o", str(log)]
    subprocess.run([*strace, sys.executable, "-c", COMMIT, str(folder)], check=not strace_options)
    return log.read_text().count("fdatasync(")


def after_power_cut(folder: Path) -> Path:
    """The index as another machine finds it: all that was written, and no shared memory."""
    found = folder / "found"
    shutil.copytree(folder / "index", found, ignore=shutil.ignore_patterns("*-shm"))
    return found


def overwrite(writer: Writer) -> None:
    """Begin a commit as far as the files, where the killed one had written."""

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Catalog, "put_image", cut)
        writer.commit(Batch(images=[new_image("torn.jpg")]))


@pytest.mark.parametrize("opening_commits", [True, False])
def test_a_commit_that_a_kill_cut_off_is_not_revived(
    tmp_path: Path, opening_commits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed; it kills at the right moment")
    with served(tmp_path / "rehearsal"):
        syncs = commit_in_child(tmp_path / "rehearsal")
    folder = tmp_path / "index"
    with served(folder):
        # The last sync is the log's: after it, the log's index would be brought up to date.
        commit_in_child(folder, "-e", f"inject=fdatasync:signal=KILL:when={syncs}")
        assert {path for path, _ in view(folder / "index").images} == {"reported.jpg"}
        if not opening_commits:
            monkeypatch.setattr(Catalog, "put_generation", lambda *_: None)
            monkeypatch.setattr(Catalog, "set_state", lambda *_: None)
        with writer_of(folder) as writer:
            overwrite(writer)
            found = after_power_cut(folder)

    if opening_commits:
        assert {path for path, _ in view(found).images} == {"reported.jpg"}
    else:  # or this test could not have found anything
        with pytest.raises(StoreError, match=r"killed\.jpg .* is damaged"):
            view(found)
