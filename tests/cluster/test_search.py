"""Searching over a cluster: machines stop, die, lag and join; the answers are those of one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import urllib.error
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_app.cluster import machines
from edge_app.cluster.machines import MachineState
from edge_app.cluster.over import Over, joined
from edge_app.cluster.scanner import Scanner
from edge_app.cluster.searching import SearchMachines, split
from edge_app.config import Config, Limits
from edge_app.errors import ClusterError, StoreError
from edge_app.index.read.filters import Filter
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.index.write.batch import Batch
from edge_app.search.alike.duplicates import groups, link
from edge_app.search.vectors.exact import similar_many
from tests.cluster.members import Cluster
from tests.indexes import DIM, new_image, writer_of
from tools.testing.site import Site
from tools.testing.waiting import PATIENCE_S, until

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

IMAGES = 500
TIME_S = 5 * PATIENCE_S  # a machine has a fifth of it for its part, and a busy one is no silent one


def images(numbers: range) -> Batch:
    """Some in three folders and two formats, with dates and copies."""
    return Batch(
        images=[
            new_image(
                f"{number % 3}/{number}.jpg", tiles=2, taken_at=10**9 + number,
                format=("JPEG", "PNG")[number % 2],
                vector=new_image("copied" if number % 50 == 7 else f"{number}").vector,
            )
            for number in numbers
        ]
    )  # fmt: skip


class Library:
    """An index, two machines that each have a copy of it, and who asks them."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.folder = folder
        (folder / "library").mkdir()
        with writer_of(folder, tiles=2) as writer:
            writer.commit(images(range(IMAGES)))
            writer.commit(Batch(removed=[5, 50]))
        self.cluster = opened.enter_context(closing(Cluster(folder)))
        self.machines = [self.join(name) for name in ("a", "b")]
        config = Config(
            cluster=self.cluster.address,
            cluster_tls=folder / "keys",
            limits=Limits(cluster_s=TIME_S),
        )
        self.over: Over = opened.enter_context(joined(config))
        self.reader = opened.enter_context(closing(Reader(folder / "index")))
        self.wait_for(ready=2)

    @property
    def snapshot(self) -> Snapshot:
        return self.reader.snapshot()

    def join(self, name: str) -> subprocess.Popen[str]:
        """One more machine with a copy as the index is now."""
        shutil.copytree(self.folder / "index", self.folder / name, dirs_exist_ok=True)
        return self.cluster.searcher(self.folder / name)

    def states(self) -> list[MachineState]:
        assert self.over.machines
        return self.over.machines.states(self.snapshot)

    def wait_for(self, **counts: int) -> None:
        """Until so many machines are ready, behind or silent, and no others."""

        def found() -> dict[str, int]:
            states = [one.state for one in self.states()]
            return {state: states.count(state) for state in states}

        until(lambda: found() == counts)

    def searched(self) -> Counter[str]:
        """How many ranges each machine that is there has searched."""
        return Counter({one.name: one.searched for one in self.states()})

    def is_as_one(self, queries: int = 1, **asked: Any) -> int:
        """Hold the answers to those of one machine; how many ranges machines searched for them."""
        rows = np.random.default_rng(queries).standard_normal((queries, DIM))
        vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        vectors[0] = self.snapshot.vectors[7]  # has copies
        before = self.searched()
        found = similar_many(self.snapshot, vectors, rank=self.over.rank, **asked)
        assert found == similar_many(self.snapshot, vectors, **asked)
        assert found[0]
        return (self.searched() - before).total()  # one that has gone takes none off


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with ExitStack() as opened:
        yield Library(tmp_path_factory.mktemp("searched"), opened)


@pytest.mark.parametrize(
    "asked",
    [
        {"k": 20},
        {"k": 1000},
        {"k": 5, "offset": 17, "queries": 9},
        {"k": 20, "filter": Filter(folder="1", min_score=0.2)},
        {"k": 20, "filter": Filter(formats=frozenset({"PNG"}), taken_from=10**9 + 100)},
        {"k": 20, "collapse": 0.95},
        {"k": 20, "tiles": True, "queries": 3},
        {"k": 20, "exclude": [[8, 58]]},
    ],
)
def test_answers_are_those_of_one_machine_to_the_last_bit(
    library: Library, asked: dict[str, Any]
) -> None:
    assert library.is_as_one(**asked) >= 2


def test_groups_of_near_duplicates_are_those_of_one_machine(library: Library) -> None:
    snapshot = library.snapshot
    assert library.over.compare
    before = library.searched()
    for min_score in (0.5, 0.9):
        together = link(snapshot, min_score, compare=library.over.compare)
        assert groups(snapshot, together) == groups(snapshot, link(snapshot, min_score))
    assert (library.searched() - before).total()


def test_a_machine_that_stops_costs_time_and_no_answer_and_one_that_dies_neither(
    library: Library,
) -> None:
    stopped = library.machines[0]
    assert library.over.machines
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        search = SearchMachines(library.over.machines, limit_s=4.0)
        query = library.snapshot.vectors[9:10]
        found = similar_many(library.snapshot, query, 20, rank=search.rank)
        assert found == similar_many(library.snapshot, query, 20)
        library.wait_for(ready=1, silent=1)
        assert library.is_as_one(k=20) == 1
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
    library.wait_for(ready=2)
    assert library.is_as_one(k=20) == 2
    stopped.kill()
    assert library.is_as_one(k=20) >= 1
    library.wait_for(ready=1)
    library.machines[0] = library.join("a")
    library.wait_for(ready=2)
    assert library.is_as_one(k=20) == 2


def test_a_machine_that_stops_does_not_hold_a_comparison(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "ANSWER_S", 1.0)
    snapshot, stopped = library.snapshot, library.machines[0]
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        together = link(snapshot, 0.9, compare=library.over.compare)
        assert groups(snapshot, together) == groups(snapshot, link(snapshot, 0.9))
        library.wait_for(ready=1, silent=1)
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
    library.wait_for(ready=2)


def test_a_search_that_nobody_does_in_time_is_an_error_that_names_what_is_missing(
    library: Library,
) -> None:
    assert library.over.machines
    in_no_time = SearchMachines(library.over.machines, limit_s=1e-9)
    query = library.snapshot.vectors[9:10]
    with pytest.raises(ClusterError, match=rf"^{IMAGES} images could not be searched within"):
        similar_many(library.snapshot, query, 20, rank=in_no_time.rank)
    library.wait_for(ready=2)


def test_a_folder_without_an_index_is_said_before_the_machine_joins(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"^{tmp_path}/none holds no index; copy it from"):
        Scanner(tmp_path / "none")


def test_a_copy_of_an_earlier_commit_is_not_asked(library: Library) -> None:
    with writer_of(library.folder, tiles=2) as writer:
        writer.commit(images(range(IMAGES, IMAGES + 10)))
    library.wait_for(behind=2)
    assert library.is_as_one(k=20) == 0
    for name in ("a", "b"):
        with writer_of(library.folder, tiles=2):  # nobody writes while it is copied
            shutil.copytree(library.folder / "index", library.folder / name, dirs_exist_ok=True)
    library.wait_for(ready=2)
    assert library.is_as_one(k=20) == 2


def test_a_server_tells_of_its_machines_and_answers_503_when_there_is_no_time(
    library: Library,
) -> None:
    words = "--no-watch", "--cluster", library.cluster.address, *library.cluster.tls
    with served(library, *words, "--cluster-time", str(TIME_S)) as site:
        until(lambda: [one["state"] for one in site.get("api/status")["machines"]] == ["ready"] * 2)
        answer = site.get("api/images/9/similar?k=20")
        query = library.snapshot.vectors[library.snapshot.row_of(9)][np.newaxis]
        (alone,) = similar_many(library.snapshot, query, 20, exclude=[[9]])
        told = [(match["id"], match["score"]) for match in answer["items"]]
        assert told == [(match.id, round(match.score, 7)) for match in alone]
        assert [one["searched"] for one in site.get("api/status")["machines"]] == [1, 1]
    with served(library, *words, "--cluster-time", "0.000000001") as site:
        with pytest.raises(urllib.error.HTTPError) as caught:
            site.get("api/images/9/similar?k=20")
        assert caught.value.code == 503
        assert "could not be searched within" in caught.value.read().decode()


@contextmanager
def served(library: Library, *options: str) -> Iterator[Site]:
    site = Site(library.folder / "library", library.folder / "index", *options)
    try:
        yield site
    finally:
        site.stop()


@pytest.mark.parametrize(("rows", "machines"), [(0, 3), (2, 3), (10, 3), (5_000_001, 2), (7, 0)])
def test_every_row_is_in_one_range(rows: int, machines: int) -> None:
    parts = split(rows, machines)
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    assert sum(stop - start for start, stop in parts) == rows
    assert all(stop - start <= 1_000_000 for start, stop in parts)
