"""Searching over a cluster: machines stop, die, lag and join; the answers are those of one."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import signal
import subprocess
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from edge_app import VERSION
from edge_app.cluster import crew, machines
from edge_app.cluster.address import Address
from edge_app.cluster.crew import Crew
from edge_app.cluster.keys import security_of
from edge_app.cluster.machines import Machines, MachineState
from edge_app.cluster.node import Expected
from edge_app.cluster.over import Over, joined
from edge_app.cluster.scanner import Scanner
from edge_app.cluster.searching import SearchMachines, split
from edge_app.config import Config, Limits
from edge_app.errors import ClusterError, StoreError
from edge_app.index.read.filters import Filter
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.index.write.batch import Batch
from edge_app.index.write.writer import Writer
from edge_app.model.card import ModelCard
from edge_app.photos.regions import Box
from edge_app.search.alike.duplicates import groups, link
from edge_app.search.gallery import Gallery, Query
from edge_app.search.vectors.exact import similar_many
from edge_app.search.vectors.ranking import Asked
from tests.cluster.members import Cluster
from tests.indexes import MODEL, new_image, writer_of
from tests.model.test_words import teach
from tools.testing.pictures import picture, save
from tools.testing.site import Site
from tools.testing.waiting import PATIENCE_S, until

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

TINYCLIP = Path(__file__).parents[1] / "fixtures/tinyclip"
IMAGES = 500
TIME_S = 5 * PATIENCE_S  # a machine has a fifth of it for its part, and a busy one is no silent one


DIM = 24  # of the model
SEEN = "0/9.jpg"  # its file is there


def images(numbers: range) -> Batch:
    """Some in three folders and two formats, with dates and copies."""
    return Batch(
        images=[
            new_image(
                f"{number % 3}/{number}.jpg", tiles=2, dim=DIM, taken_at=10**9 + number,
                format=("JPEG", "PNG")[number % 2],
                vector=new_image("copied" if number % 50 == 7 else f"{number}", dim=DIM).vector,
            )
            for number in numbers
        ]
    )  # fmt: skip


class Library:
    """An index, two machines that each have a copy of it, and who asks them: with a model that
    knows texts and words, and one photo that is there."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.folder = folder
        self.model = shutil.copytree(TINYCLIP, folder / "models") / "tiny.tflite"
        teach(self.model, ["dog", "snow"], np.eye(2, DIM, dtype=np.float32))
        save(folder / "library" / SEEN, seed=9)
        with self.writer() as writer:
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
        config = Config(folder / "library", folder / "index", self.model)
        self.together = opened.enter_context(closing(Gallery(config, self.over.rank)))
        self.alone = opened.enter_context(closing(Gallery(config)))
        self.reader = opened.enter_context(closing(Reader(folder / "index")))
        self.wait_for(ready=2)

    @property
    def snapshot(self) -> Snapshot:
        return self.reader.snapshot()

    def writer(self, name: str = "") -> Writer:
        return writer_of(self.folder / name, ModelCard.load(self.model).identity("any"), tiles=2)

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


def upload(seed: int) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    picture(seed).save(file, "PNG")
    return file.getvalue()


Ask = Callable[[Gallery, Snapshot], Query]
QUESTIONS: dict[str, Ask] = {
    "a text": lambda gallery, now: gallery.query_of_text(now, "the red dog"),
    "a word": lambda gallery, now: gallery.query_of_word(now, "snow"),
    "a photo": lambda gallery, now: gallery.query_of_id(now, 10),
    "a region": lambda gallery, now: gallery.query_of_id(now, 10, Box(0.2, 0.1, 0.5, 0.6)),
    "an upload": lambda gallery, now: gallery.query_of_source(now, upload(3)),
    "a region of an upload": lambda gallery, now: gallery.query_of_source(
        now, upload(3), Box(0, 0, 0.5, 0.5)
    ),
    "photos, and less like another": lambda gallery, now: gallery.combined(
        [gallery.query_of_id(now, id) for id in (8, 60, 200)], [gallery.query_of_id(now, 9)], 0.3
    ),
    "an upload and a text, less like a word": lambda gallery, now: gallery.combined(
        [gallery.query_of_source(now, upload(4)), gallery.query_of_text(now, "blue")],
        [gallery.query_of_word(now, "dog")], 1.5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("asked", QUESTIONS)
def test_whatever_is_asked_for_is_answered_as_by_one_machine(library: Library, asked: str) -> None:
    snapshot, before = library.snapshot, library.searched()
    query = QUESTIONS[asked](library.together, snapshot)
    queries = [query, library.together.query_of_id(snapshot, 77)]
    of_png = Filter("1", formats=frozenset({"PNG"}), taken_from=10**9 + 50, min_score=0.01)
    for how in itertools.product((1, 40), (0, 3), (None, of_png), (False, True), (False, True)):
        k, offset, filter, collapse, tiles = how
        found, expected = (
            gallery.similar(
                snapshot, queries, k, offset=offset, filter=filter, collapse=collapse, tiles=tiles
            )
            for gallery in (library.together, library.alone)
        )
        assert found == expected, how
        assert found[0] and found[0][0].score
    assert (library.searched() - before).total() >= 2 * len(library.machines), "machines did it"


class Liar:
    """Machines that answer something else than was asked for."""

    def __init__(
        self,
        machines: Machines,
        lie: Callable[[Any], object] = lambda answer: answer,
        heard: Callable[[Asked], Asked] = lambda asked: asked,
    ) -> None:
        self._machines, self._lie, self._heard = machines, lie, heard
        self.told: list[str] = []
        self.addresses, self.answers, self.note = (
            machines.addresses, machines.answers, machines.note,
        )  # fmt: skip

    def ask(self, *asked: Any, **how: Any) -> Future[object]:
        lied: Future[object] = Future()
        heard: list[Any] = [self._heard(one) if isinstance(one, Asked) else one for one in asked]
        lied.set_result(self._lie(self._machines.ask(*heard, **how).result()))
        return lied

    def fails(self, address: str, reason: str) -> str:
        self.told.append(reason)
        return address


def lying(change: Callable[[Any, Any], object]) -> Callable[[Any], object]:
    """Of a ranking of each query, rows and scores of the first are changed."""
    return lambda answer: [change(*answer[0]), *answer[1:]]


@pytest.mark.parametrize(
    "lie",
    [
        lambda answer: "found",
        lambda answer: answer[1:],
        lambda answer: [*answer, answer[0]],
        lying(lambda rows, scores: None),
        lying(lambda rows, scores: (rows, np.full_like(scores, np.nan))),
        lying(lambda rows, scores: (rows, scores + 1e-6)),
        lying(lambda rows, scores: (rows, scores.astype(np.float32))),
        lying(lambda rows, scores: (rows[:-1], scores)),
        lying(lambda rows, scores: (rows[:-1], scores[:-1])),
        lying(lambda rows, scores: (rows ^ 1, scores)),
        lying(lambda rows, scores: (rows + 10**6, scores)),
        lying(lambda rows, scores: (rows - 10**6, scores)),
        lying(lambda rows, scores: (rows.astype(float), scores)),
        lying(lambda rows, scores: (np.repeat(rows, 2), np.repeat(scores, 2))),
        lying(lambda rows, scores: (np.append(rows[:-1], 49), scores)),  # was removed
    ],
)
def test_a_machine_that_answers_wrongly_is_not_believed(
    library: Library, lie: Callable[[Any], object]
) -> None:
    assert library.over.machines
    liar = Liar(library.over.machines, lie)
    queries = library.snapshot.vectors[[9, 300]]
    search = SearchMachines(cast(Machines, liar), limit_s=60)
    found = similar_many(library.snapshot, queries, 20, rank=search.rank)
    assert found == similar_many(library.snapshot, queries, 20)
    assert len(liar.told) == 2
    assert len(set(liar.told)) <= 2
    assert all("answered" in reason for reason in liar.told), liar.told


LOOSE = Filter(folder="1", min_score=-1)


@pytest.mark.parametrize(
    ("filter", "heard"),
    [
        (Filter(folder="1"), Filter()),
        (Filter(folder="1"), Filter(folder="2")),
        (Filter(folder="1"), Filter(folder="1", taken_from=10**9 + 460)),  # too few
        (Filter(folder="1"), Filter(folder="1", min_score=0.9)),
        (Filter(taken_to=10**9 + 400), Filter(taken_to=10**9 + 480)),
        (Filter(folder="1", min_score=0.3), Filter(folder="1")),
        (Filter(formats=frozenset({"PNG"}), min_score=-1), LOOSE),
    ],
)
def test_a_machine_that_answers_for_another_filter_is_not_believed(
    library: Library, filter: Filter, heard: Filter
) -> None:
    assert library.over.machines
    liar = Liar(library.over.machines, heard=lambda asked: replace(asked, filter=heard))
    queries = library.snapshot.vectors[[9, 300]]
    search = SearchMachines(cast(Machines, liar), limit_s=60)
    found = similar_many(library.snapshot, queries, 200, filter=filter, rank=search.rank)
    assert found == similar_many(library.snapshot, queries, 200, filter=filter)
    assert liar.told
    assert all("answered" in reason for reason in liar.told), liar.told


def test_a_machine_that_answers_what_was_left_out_is_not_believed(library: Library) -> None:
    assert library.over.machines
    liar = Liar(library.over.machines, heard=lambda asked: replace(asked, exclude=()))
    search = SearchMachines(cast(Machines, liar), limit_s=60)
    query = library.snapshot.vectors[7:8]
    ids = [library.snapshot.ids[[7, 57]].tolist()]
    found = similar_many(library.snapshot, query, 20, exclude=ids, rank=search.rank)
    assert found == similar_many(library.snapshot, query, 20, exclude=ids)
    assert liar.told


@pytest.mark.parametrize(
    "lie",
    [
        lambda pairs: None if pairs is None else "pairs",
        lambda pairs: np.array([[0, 10**6]]),
        lambda pairs: np.array([[-1, 2]]),
        lambda pairs: np.array([[0, 1]]),
        lambda pairs: np.array([[0, 49]]),
        lambda pairs: np.array([0, 1]),
        lambda pairs: np.array([[0.0, 1.0]]),
    ],
)
def test_pairs_that_are_no_near_duplicates_are_not_believed(
    library: Library, lie: Callable[[Any], object]
) -> None:
    assert library.over.machines
    liar = Liar(library.over.machines, lie)
    compare = SearchMachines(cast(Machines, liar), limit_s=60).compare
    snapshot = library.snapshot
    assert groups(snapshot, link(snapshot, 0.9, compare=compare)) == groups(
        snapshot, link(snapshot, 0.9)
    )
    assert len(liar.told) == 2


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


def test_a_scheduler_that_stops_holds_nobody_up(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, brief in ((crew, ("ANSWER_S", "AGAIN_S", "BRIEF_S")), (machines, ("ANSWER_S",))):
        for name in brief:
            monkeypatch.setattr(module, name, 0.5)
    assert library.over.machines
    address, keys = Address.of(library.cluster.address), library.folder / "keys"
    with closing(Crew(address, security_of(address, keys), Expected("9.9", MODEL, {}))) as run:
        until(lambda: len(run._present()) == 2)
        library.cluster.scheduler.send_signal(signal.SIGSTOP)
        try:
            until(lambda: not run._present())
            search = SearchMachines(library.over.machines, limit_s=4.0)
            query = library.snapshot.vectors[9:10]
            found = similar_many(library.snapshot, query, 20, rank=search.rank)
            assert found == similar_many(library.snapshot, query, 20)
        finally:
            library.cluster.scheduler.send_signal(signal.SIGCONT)
        until(lambda: len(run._present()) == 2)
    library.wait_for(ready=2)


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


def test_machines_of_another_version_are_not_asked(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(machines, "VERSION", "9.9")
        library.wait_for(silent=2)
        assert library.is_as_one(k=20) == 0
    told = [line for line in caplog.messages if "is not asked" in line]
    assert len(told) == 2, "each once"
    assert all(f"it runs version {VERSION}, and 9.9 is wanted" in line for line in told)
    library.wait_for(ready=2)


def test_a_folder_without_an_index_is_said_before_the_machine_joins(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"^{tmp_path}/none holds no index; copy it from"):
        Scanner(tmp_path / "none")


def test_a_copy_of_an_earlier_commit_is_not_asked(library: Library) -> None:
    with library.writer() as writer:
        writer.commit(images(range(IMAGES, IMAGES + 10)))
    library.wait_for(behind=2)
    assert library.is_as_one(k=20) == 0
    for name in ("a", "b"):
        with library.writer():  # nobody writes while it is copied
            shutil.copytree(library.folder / "index", library.folder / name, dirs_exist_ok=True)
    library.wait_for(ready=2)
    assert library.is_as_one(k=20) == 2


def test_servers_of_one_cluster_tell_of_their_machines_and_503_when_there_is_no_time(
    library: Library,
) -> None:
    words = "--no-watch", "--cluster", library.cluster.address, *library.cluster.tls
    with library.writer("another") as writer:  # of which nobody has a copy
        writer.commit(images(range(9)))
    with (
        served(library, *words, name="another") as other,
        served(library, *words, "--cluster-time", str(TIME_S)) as site,
    ):
        until(lambda: states(site) == ["ready"] * 2 and states(other) == ["behind"] * 2)
        assert len(other.get("api/images/9/similar?k=20")["items"]) == 8
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


def states(site: Site) -> list[str]:
    """How the machines stand for a server."""
    return [one["state"] for one in site.get("api/status")["machines"]]


@contextmanager
def served(library: Library, *options: str, name: str = "") -> Iterator[Site]:
    folder = library.folder / name
    site = Site(folder / "library", folder / "index", *options)
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
