"""A repair, a switch to another model, and a conversion of old codes: killed at every call that
changes the disk.

strace lists the calls in a rehearsal, then kills at one after the other: FAULTS=long at all,
else at every fourth; FAULTS_SEED says from which on.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_app.index.format.schema import CATALOG
from edge_app.index.repair.check import check, repair
from edge_app.index.write.batch import Batch
from edge_app.model.card import ModelIdentity
from tests.faults.workload import all_again
from tests.indexes import MODEL, OTHER_MODEL, new_image, to_first_layout, view, writer_of

STRIDE = 1 if os.environ.get("FAULTS") == "long" else 4
SEED = int(os.environ.get("FAULTS_SEED", "0"))
CHANGING = "pwrite64,fsync,fdatasync,ftruncate,fallocate,rename,unlink"
PATHS = [f"{number}.jpg" for number in range(4)]
SCRIPT = "import sys; from pathlib import Path; from tests.faults import test_killed_repair as t; "


def bend_a_vector(index: Path) -> None:
    with open(index / "vectors-1.f32", "r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"rot")


def bend_the_state(index: Path) -> None:
    with writer_of(index.parent) as writer, writer._using() as opened:
        opened.catalog.connection.execute("UPDATE state SET thumbs_bytes = thumbs_bytes + 1")


def build_for_another_model(index: Path) -> None:
    with writer_of(index.parent, OTHER_MODEL) as writer:
        all_again(writer)


def switch(index: Path) -> None:
    with writer_of(index.parent, OTHER_MODEL) as writer:
        writer.finish()


def convert(index: Path) -> None:
    """What any run does first with an index of a program before."""
    writer_of(index.parent).close()


def complete(index: Path) -> None:
    """What the next run does after a repair."""
    with writer_of(index.parent) as writer:
        known = writer.known()
        missing = [path for path in PATHS if path not in known or not known[path].embedded]
        writer.commit(Batch(images=[new_image(path) for path in missing]))
        writer.finish()


def prepare(folder: Path, damage: Callable[[Path], object]) -> Path:
    (folder / "library").mkdir(parents=True)
    with writer_of(folder) as writer:
        writer.commit(Batch(images=[new_image(path) for path in PATHS]))
    damage(folder / "index")
    return folder / "index"


def strace(name: str, index: Path, *options: str) -> tuple[int, list[tuple[str, int]]]:
    """Run function `name` of this module on the index; its exit code and the calls it made, each
    with its number among those of its kind. What is in memory only is left out."""
    log = index.with_suffix(".strace")
    # -B: the calls that write bytecode would be counted too.
    command = [sys.executable, "-B", "-c", f"{SCRIPT}t.{name}(Path(sys.argv[1]))", str(index)]
    words = ["strace", "-f", "-y", "-e", f"trace={CHANGING}", "-e", "signal=none", *options]
    done = subprocess.run([*words, "-o", str(log), *command], capture_output=True, check=False)
    calls: list[tuple[str, int]] = []
    counts: Counter[str] = Counter()
    for call, arguments in re.findall(r"^\d+ +(\w+)\((.*)", log.read_text(), re.MULTILINE):
        counts[call] += 1
        if "-shm" not in arguments:
            calls.append((call, counts[call]))
    return done.returncode, calls


@pytest.fixture(autouse=True)
def _strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed; it kills at the right moment")


@pytest.mark.parametrize(
    ("name", "damage", "model"),
    [
        ("repair", bend_a_vector, MODEL),
        ("repair", bend_the_state, MODEL),
        ("switch", build_for_another_model, OTHER_MODEL),
        ("convert", to_first_layout, MODEL),
    ],
)
def test_killed_at_any_call_it_can_be_done_again(
    tmp_path: Path, name: str, damage: Callable[[Path], object], model: ModelIdentity
) -> None:
    code, calls = strace(name, prepare(tmp_path / "rehearsal", damage))
    assert code == 0
    tried = calls[SEED % STRIDE :: STRIDE]
    for call, number in tried:
        where = f"{call} {number}"
        index = prepare(tmp_path / where, damage)
        before = view(index) if name in ("switch", "convert") else None
        code, _ = strace(name, index, "-e", f"inject={call}:signal=KILL:when={number}")
        assert code == -signal.SIGKILL, where
        if before:
            found = view(index)
            assert found.model in (before.model, model), where
            assert found.embedded == set(PATHS), where
            globals()[name](index)
        else:
            if (index / CATALOG).exists():  # else it has been set aside
                repair(index)
            if damage is bend_a_vector:
                assert view(index).embedded == set(PATHS[:-1]), where  # only the bent one is lost
            complete(index)
        assert check(index).problems == [], where
        final = view(index)
        assert final.model == model, where
        assert final.embedded == set(PATHS), where
    print(f"{name} after {damage.__name__}: killed at {len(tried)} of {len(calls)} calls")
