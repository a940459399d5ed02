"""cluster.pool: whose photo is done where, whatever the machines do; here they are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from edge_app import VERSION
from edge_app.cluster import crew, pool
from edge_app.cluster.crew import Crew
from edge_app.cluster.failures import Failed, name_of
from edge_app.cluster.node import Expected, Node, Wanted
from edge_app.cluster.pool import ClusterPool, Waiting, chunks
from edge_app.errors import DecodeError
from edge_app.indexing.stages import Embedded
from edge_app.library.folder import source_of
from edge_app.library.scan import FoundFile
from edge_app.library.source import InFolder
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.pool import DecodePool, Job, Same
from edge_app.photos.regions import WHOLE
from tests.indexes import DIM, MODEL, OTHER_MODEL, vector_of
from tools.testing.waiting import until

pytest.importorskip("distributed")

PHOTOS = 300
BAD = "77.jpg"
Results = list[Any] | Failed | Exception
Answers = Callable[[Sequence[Wanted]], Results]


def embedded(path: str) -> Embedded:
    """What a machine makes of a photo."""
    content = path.encode().ljust(16)
    facts = dict.fromkeys(("taken_at", "taken_from", "taken_ms", "camera", "note"))
    decoded = Decoded(
        views=b"", thumbnail=b"jpeg", width_px=4, height_px=3, format="JPEG", located=False,
        content=content, pattern=0, **cast(dict[str, Any], facts),
    )  # fmt: skip
    return Embedded(decoded, vector_of(content)[np.newaxis])


def well(photos: Sequence[Wanted]) -> Results:
    return [embedded(photo.path) for photo in photos]


class Task:
    """One that a machine is given."""

    def __init__(self, machine: str, photos: Sequence[Wanted]) -> None:
        self.machine, self.photos = machine, photos
        self.outcome: object = None

    def add_done_callback(self, put: Callable[[Task], object]) -> None:
        self.put = put

    def result(self, timeout: float) -> tuple[str, object]:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.machine, self.outcome


class Machines:
    """Two machines that do all they have whenever they are looked at. `ends`: if this photo is
    among it, both end, and two others come."""

    def __init__(self, first: Answers, second: Answers, ends: str = "") -> None:
        self.working, self.names, self.failed = {"a", "b"}, {"a": "a", "b": "b"}, dict[str, str]()
        self.client = self
        self.is_partly_blind, self.expected = False, cast(Expected | None, None)
        self._answers, self._ends = {"a": first, "b": second}, ends
        self._given: list[Task] = []
        self.alone = 0  # tasks that were done while there was no other

    def submit(self, _: object, wanted: Sequence[Wanted], *__: object, **how: Any) -> Task:
        self._given.append(Task(how["workers"][len(self._given) % len(how["workers"])], wanted))
        return self._given[-1]

    def look(self) -> None:
        from distributed.scheduler import KilledWorker

        given, self._given = self._given, []
        self.alone += len(given) == 1
        ended = self._ends in {photo.path for task in given for photo in task.photos}
        for task in given:
            killed = KilledWorker("embed", None, 1)
            task.outcome = killed if ended else self._answers[task.machine](task.photos)
            task.put(task)

    def fails(self, address: str, reason: str) -> None:
        self.failed[address] = reason


class Here:
    """This machine, which finds no picture in what is broken."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Any]]:
        for job in jobs:
            self.done.append(job.key.path)
            yield job, DecodeError("broken") if "broken" in job.key.path else embedded(job.key.path)


def outcomes(
    machines: Machines, here: Here, names: Sequence[str], library: Path = Path("/")
) -> dict[str, Any]:
    """What became of each photo."""
    jobs = [Job(FoundFile(name, 1, 1), InFolder("/", name), (WHOLE,)) for name in names]
    run = ClusterPool("tcp://127.0.0.1:1", None, source_of(library), MODEL, cast(DecodePool, here))
    waiting = Waiting(chunks(iter(jobs)))
    done = [(job.key.path, one) for job, one in run._work(cast(Crew, machines), waiting)]
    assert sorted(path for path, _ in done) == sorted(names), "each photo has one outcome"
    return dict(done)


@pytest.fixture(autouse=True)
def looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "LOOK_S", 0.0001)


NAMES = [f"{number}.jpg" for number in range(PHOTOS)]


def test_only_the_photo_that_ends_machines_by_itself_is_rejected() -> None:
    machines, here = Machines(well, well, ends=BAD), Here()
    found = outcomes(machines, here, NAMES)
    assert [name for name in NAMES if isinstance(found[name], DecodeError)] == [BAD]
    assert str(found[BAD]) == pool.KILLED
    assert here.done == [], "it would end this process too"
    first = pool.AHEAD * len(machines.working) * pool.CHUNK_PHOTOS
    assert machines.alone >= first, "all that they had was done again, each alone"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda photos: [embedded(photo.path) for photo in photos[1:]], "for other photos"),
        (lambda photos: Failed("no memory"), "no memory"),
        (lambda photos: "done", "for other photos"),
        (lambda photos: [Same() for _ in photos], "can't be true"),
        (lambda photos: [1 for _ in photos], "can't be true"),
        *(
            (lambda photos, vectors=vectors: [
                Embedded(embedded(photo.path).decoded, vectors) for photo in photos
            ], "can't be true")
            for vectors in (
                np.full((1, DIM), np.nan, np.float32), np.zeros((1, DIM), np.float32),
                np.ones((1, DIM), np.float32), vector_of(b"", DIM + 1)[np.newaxis],
                vector_of(b"")[np.newaxis].astype(np.float64), vector_of(b""), None,
            )
        ),
    ],
)  # fmt: skip
def test_a_machine_that_fails_or_answers_wrongly_is_named_and_others_do_its_part(
    wrong: Answers, said: str
) -> None:
    machines = Machines(wrong, well)
    here = Here()
    found = outcomes(machines, here, NAMES)
    assert all(isinstance(one, Embedded) for one in found.values())
    assert list(machines.failed) == ["a"]
    assert said in machines.failed["a"]
    assert here.done == []


def test_a_machine_that_saw_none_of_the_photos_is_shown_those_that_come(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode())
    machines = Machines(well, well)
    machines.is_partly_blind = True
    outcomes(machines, Here(), NAMES, tmp_path)
    until(lambda: bool(machines.expected))
    assert machines.expected
    (shown, *_) = machines.expected.samples.items()
    assert shown == (shown[0], blake2b(shown[0].encode(), digest_size=16).digest())


def test_this_machine_has_the_last_word_on_what_others_find_no_picture_in() -> None:
    names = [*NAMES, "broken.jpg"]

    def poor(photos: Sequence[Wanted]) -> Results:
        return [
            DecodeError("old decoder") if photo.path[0] in "8b" else embedded(photo.path)
            for photo in photos
        ]

    here = Here()
    found = outcomes(Machines(poor, poor), here, names)
    assert [name for name in names if isinstance(found[name], DecodeError)] == ["broken.jpg"]
    assert "8.jpg" in here.done


@pytest.mark.parametrize(
    "lacking", [lambda photos: [None] * len(photos), lambda photos: ConnectionError("gone")]
)
def test_what_no_machine_sees_and_what_is_lost_twice_is_done_here(lacking: Answers) -> None:
    here = Here()
    found = outcomes(Machines(lacking, lacking), here, NAMES)
    assert all(isinstance(one, Embedded) for one in found.values())
    assert sorted(here.done) == sorted(NAMES)


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({}, None),
        ({"samples": {"seen.jpg": "seen", "nowhere.jpg": "x"}}, None),
        ({"version": "9.9"}, f"it runs version {VERSION}, and 9.9 is wanted"),
        ({"model": OTHER_MODEL}, "it has the model fake (aaaaaaaaaaaa…, any), and other (bbb"),
        ({"model": replace(MODEL, sha256="c" * 64)}, "and fake (cccccccccccc…, any) is wanted"),
        ({"model": replace(MODEL, runtime="tflite-runtime 2.14")}, "tflite-runtime 2.14) is want"),
        ({"samples": {"seen.jpg": "other"}}, "it sees another library: its seen.jpg has other"),
        ({"samples": {"nowhere.jpg": "x"}}, "it sees none of the photos, such as nowhere.jpg"),
    ],
)
def test_who_may_not_work_is_told_why(
    tmp_path: Path, expected: dict[str, Any], said: str | None
) -> None:
    (tmp_path / "seen.jpg").write_bytes(b"seen")
    here = SimpleNamespace(
        library=source_of(tmp_path), embedder=SimpleNamespace(identity=MODEL)
    )  # fmt: skip
    samples = {
        path: blake2b(content.encode(), digest_size=16).digest()
        for path, content in expected.pop("samples", {}).items()
    }
    agreed = Expected(**{"version": VERSION, "model": MODEL, **expected, "samples": samples})
    refusal = Node.refusal(cast(Node, here), agreed)
    if said is None:
        assert refusal is None
    else:
        assert refusal
        assert said in refusal.reason
        assert refusal.for_good == ("sees none" not in said)


def test_a_file_of_another_length_is_not_the_one_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "old.jpg").write_bytes(b"before")
    here = cast(Node, SimpleNamespace(library=source_of(tmp_path)))
    found = [Node._is_meant(here, Wanted("old.jpg", length, None)) for length in (6, 7)]
    assert found == [True, False]
    assert not Node._is_meant(here, Wanted("nowhere.jpg", 6, None))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("vm-12", "vm-12"),
        ("a\n\x1b[31mb", "a\\n\\x1b[31mb"),
        ("\u202egpj", "\\u202egpj"),
        ("x" * 10**6, "x" * 100),
        (7, "7"),
    ],
)
def test_a_machine_may_call_itself_anything(name: object, shown: str) -> None:
    assert name_of({"name": name}, "tls://a:1") == shown
    assert name_of({}, "tls://a:1") == "tls://a:1"
