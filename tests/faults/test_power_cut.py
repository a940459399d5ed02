"""A power cut at any moment of a writer's life loses nothing that was reported.

A real writer, SQLite included, is recorded by strace; the disk is rebuilt for every moment of its
life with unsynced writes lost, torn or out of order. FAULTS=long tries fifty times as many states,
FAULTS_SEED others.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from edge_app.errors import EdgeAppError
from edge_app.index.repair.check import check
from edge_app.index.write.writer import Writer
from tests.faults.disk import Disk, Operation, record
from tests.faults.workload import all_again, run
from tests.indexes import MODEL, View, view

STATES = 2000 * (50 if os.environ.get("FAULTS") == "long" else 1)
SEED = int(os.environ.get("FAULTS_SEED", "0"))
NOTHING = View(None, frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class State:
    """What is found after a power cut, and how many steps had been reported before it."""

    reported: int
    files: dict[str, bytes]  # by absolute path


@pytest.fixture(scope="module", autouse=True)
def _strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed; it records what reaches the disk")
    if subprocess.run(["strace", "-o", os.devnull, "true"], check=False).returncode:
        pytest.skip("strace may not trace here")


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[View]:
    """What a reader finds after each step."""
    folder = tmp_path_factory.mktemp("views")
    found: list[View] = []
    run(folder, lambda number: found.append(view(folder / "index") if number else NOTHING))
    return found


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of states are synced in vain otherwise."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


def test_no_power_cut_loses_what_was_reported(
    tmp_path: Path, memory: Path, views: list[View]
) -> None:
    operations = recorded(tmp_path)
    tried = 0
    for state in islice(states(operations, tmp_path), STATES):
        tried += 1
        problem = damage(state, tmp_path, memory, views)
        assert problem is None, f"state {tried} of seed {SEED}, step {state.reported}: {problem}"
    print(f"power cuts: {tried} states at {len(operations)} moments, none lost or damaged")
    assert tried == STATES


@pytest.mark.parametrize("sabotage", ["no vector sync", "no folder sync", "no full sync"])
def test_a_writer_that_syncs_too_little_is_found_out(
    sabotage: str, tmp_path: Path, memory: Path, views: list[View]
) -> None:
    operations = recorded(tmp_path, sabotage)
    for tried, state in enumerate(islice(states(operations, tmp_path), STATES), 1):
        if damage(state, tmp_path, memory, views):
            print(f"power cuts with {sabotage}: found out by state {tried}")
            return
    pytest.fail(f"{STATES} power cuts did no harm to a writer with {sabotage}")


def recorded(folder: Path, *sabotage: str) -> list[Operation]:
    """Every operation of a writer's life below `folder`."""
    command = [sys.executable, "-m", "tests.faults.workload", str(folder), *sabotage]
    return record(command, folder, folder.with_suffix(".strace"))


def states(operations: list[Operation], folder: Path) -> Iterator[State]:
    """Ever different things that may be found, one from each moment, over and over."""
    rng = random.Random(SEED)
    seen: set[int] = set()
    while True:
        disk, reported = Disk(folder), 0
        for operation in operations:
            if operation.name == "report":
                reported = int(operation.data.split()[1])
                continue
            disk.take(operation)
            for _ in range(3):
                files = disk.found(rng)
                key = hash(frozenset(files.items()))
                if key not in seen:
                    seen.add(key)
                    yield State(reported, files)
                    break


def damage(state: State, origin: Path, memory: Path, views: list[View]) -> str | None:
    """What a power cut has done to the index, if anything; a writer then goes on with it."""
    folder = memory / "state"
    for path, data in state.files.items():
        target = folder / Path(path).relative_to(origin)
        if path.endswith(("/index", "/library")) or target == folder:
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.write_bytes(data)
    try:
        if view(folder / "index") not in views[state.reported : state.reported + 2]:
            return "the index is neither as reported nor one step further"
        with Writer(folder / "index", origin / "library", MODEL) as writer:
            all_again(writer)
            writer.finish()
        problems = check(folder / "index").problems
        return str(problems[0]) if problems else None
    except (EdgeAppError, AssertionError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
