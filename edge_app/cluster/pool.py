"""Decodes and embeds photos on the machines of a cluster, in the place of a pool of children."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

from edge_app import VERSION
from edge_app.cluster import crew, node
from edge_app.cluster.address import Address
from edge_app.cluster.answers import WrongError, outcomes_of
from edge_app.cluster.crew import Crew, Results
from edge_app.cluster.failures import Failed, line_of, unreachable
from edge_app.cluster.keys import MISSING, security_of
from edge_app.config import Config
from edge_app.errors import DecodeError, EdgeAppError, UsageError
from edge_app.indexing.stages import Answer
from edge_app.library.source import Elsewhere, Source, fingerprint_at
from edge_app.model.card import ModelIdentity
from edge_app.photos.children.pool import DecodePool, Job

Future: TypeAlias = Any  # of distributed, which has no types

log = logging.getLogger(__name__)

CHUNK_PHOTOS = 32
CHUNK_BYTES = 64 * 1024**2  # of original files
AHEAD = 2 * node.TASKS  # chunks at one machine, those it works on included
SAMPLES = 4  # photos by which a machine's library is known
JOIN_S = 10.0  # for the first machine
LOST = 2  # times that all machines with a chunk may go before this one does it
KILLED = "decoding it ended the process of two machines"


def opener(
    config: Config, *, required: bool = True
) -> Callable[[Source, ModelIdentity, DecodePool], ClusterPool] | None:
    """What `indexing.run` opens the cluster of these settings with, None without one. Where it is
    not `required`, this machine does everything while nobody is there."""
    address, tls = config.cluster, config.cluster_tls
    if address is None:
        return None
    return lambda library, model, own: ClusterPool(address, tls, library, model, own, required)


@dataclass(eq=False, slots=True)
class Chunk:
    """Photos that go to a machine together."""

    jobs: list[Job]
    tried: frozenset[str] = frozenset()  # addresses of machines that could not do them all
    asked: frozenset[str] = frozenset()  # where it may be done
    lost: int = 0  # times that all of those went
    alone: bool = False  # no machine does anything else meanwhile


@dataclass(slots=True)
class Waiting:
    """What nobody works on."""

    chunks: Iterator[Chunk]
    again: list[Chunk] = field(default_factory=list)
    suspects: list[Chunk] = field(default_factory=list)  # photos, one of which ended two machines
    here: list[Job] = field(default_factory=list)  # for this machine

    def take(self, busy: bool) -> Chunk | None:
        """The next for a machine. Suspects come last, and only while no machine is busy: so that
        whatever ends a machine then is the photo that it has."""
        if self.again:
            return self.again.pop()
        if chunk := next(self.chunks, None):
            return chunk
        return self.suspects.pop() if self.suspects and not busy else None

    def suspect(self, chunk: Chunk) -> None:
        self.suspects += [Chunk([job], chunk.tried, alone=True) for job in chunk.jobs]

    def put_back(self, chunk: Chunk) -> None:
        """One that is lost with the machines that had it."""
        chunk.lost += 1
        self.again.append(chunk)


class ClusterPool:
    """The machines at a scheduler; what none of them can do, `own` does.

    Machines may come, and go in the middle of their work. Only this machine rejects a photo: what
    another one can't decode, it tries too.
    """

    def __init__(
        self,
        address: str,
        tls: Path | None,
        library: Source,
        model: ModelIdentity,
        own: DecodePool,
        required: bool = True,
    ) -> None:
        self._required = required
        self._address = Address.of(address)
        self._library, self._model, self.local = library, model, own
        self._security = security_of(self._address, tls)
        self.done: Counter[str] = Counter()  # photos, by the name of the machine
        self._showing = Thread()

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer]]:
        """Each job with its outcome, in the order they are done; `jobs` is read lazily."""
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise UsageError(MISSING) from None
        jobs = iter(jobs)
        first = list(islice(jobs, SAMPLES))
        if not first:
            return
        try:
            opened = Crew(self._address, self._security, self._expected(first))
        except OSError as error:
            if not self._required:
                log.warning("the cluster at %s can't be reached: %s", self._address, line_of(error))
                yield from self._own_work(chain(first, jobs))
                return
            raise unreachable(self._address, error) from None
        with closing(opened):
            opened.wait(JOIN_S)
            if not opened.working:
                log.warning("no machine works at %s; this one does everything", self._address)
            yield from self._work(opened, Waiting(chunks(chain(first, jobs))))

    def counts(self) -> dict[str, int]:
        """Photos that each machine has done, by its name."""
        return dict(self.done)

    def _work(self, machines: Crew, waiting: Waiting) -> Iterator[tuple[Job, Answer]]:
        flying: dict[Future, Chunk] = {}
        results = Results()
        try:
            while True:
                machines.look()
                for future in [one for one in flying if not flying[one].asked & machines.working]:
                    waiting.put_back(flying.pop(future))
                    future.cancel()
                self._hand_out(machines, waiting, flying, results)
                if not flying and not waiting.here:
                    chunk = waiting.take(busy=False)  # no machine is left
                    if chunk is None:
                        return
                    self._show(machines, chunk)
                    waiting.here = chunk.jobs
                if not flying or len(waiting.here) >= CHUNK_PHOTOS:
                    here, waiting.here = waiting.here, []
                    yield from self._own_work(here)
                    continue
                future, result = results.next(crew.LOOK_S) or (None, None)
                if chunk := flying.pop(future, None):
                    yield from self._take(result, chunk, machines, waiting)
        finally:
            results.close()
            for future in flying:
                with suppress(Exception):
                    future.cancel()

    def _hand_out(
        self,
        machines: Crew,
        waiting: Waiting,
        flying: dict[Future, Chunk],
        results: Results,
    ) -> None:
        """Give the machines what they can work on, and this one what they can't."""
        while len(flying) < AHEAD * len(machines.working) and len(waiting.here) < CHUNK_PHOTOS:
            chunk = waiting.take(busy=bool(flying))
            if chunk is None:
                return
            self._show(machines, chunk)
            if chunk.lost < LOST and (asked := machines.working - chunk.tried):
                chunk.asked = frozenset(asked)
                future = self._submit(machines, chunk)
                flying[future] = chunk
                results.expect(future)
            else:
                waiting.here += chunk.jobs

    def _take(
        self, result: Any, chunk: Chunk, machines: Crew, waiting: Waiting
    ) -> Iterator[tuple[Job, Answer]]:
        from distributed.scheduler import KilledWorker

        try:
            if isinstance(result, Exception):
                raise result
            address, answer = result
            if isinstance(answer, Failed):
                raise WrongError(answer.reason)
            outcomes = outcomes_of(answer, chunk.jobs, self._model.dim)
        except KilledWorker:
            if chunk.alone:
                yield chunk.jobs[0], DecodeError(KILLED)
            else:  # one of them did it, or one of what the machines had besides
                waiting.suspect(chunk)
            return
        except WrongError as error:
            machines.fails(address, str(error))
            chunk.tried |= {address}
            waiting.again.append(chunk)
            return
        except Exception as error:  # what came can't be read, or the scheduler has gone
            if not isinstance(error, CancelledError):  # which is said of that
                log.warning("the cluster lost a part, it is done again: %s", line_of(error))
            waiting.put_back(chunk)
            return
        unseen = []
        for job, outcome in zip(chunk.jobs, outcomes, strict=True):
            if outcome is None:
                unseen.append(job)
            elif isinstance(outcome, DecodeError):
                waiting.here.append(job)
            else:
                self.done[machines.names.get(address, address)] += 1
                yield job, outcome
        if unseen:
            waiting.again.append(Chunk(unseen, chunk.tried | {address}, alone=chunk.alone))

    def _own_work(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer]]:
        elsewhere: list[tuple[Job, Elsewhere]] = []

        def here() -> Iterator[Job]:
            for job in jobs:
                if isinstance(job.source, Elsewhere):
                    elsewhere.append((job, job.source))
                else:
                    yield job

        for job, outcome in self.local.run(here()):
            self.done["this machine"] += 1
            yield job, outcome
        self.done["this machine"] += len(elsewhere)
        yield from elsewhere

    def _show(self, machines: Crew, chunk: Chunk) -> None:
        """Have machines that saw none of the photos before asked by these; in a thread, as reading
        them here may hang."""
        if machines.is_partly_blind and not self._showing.is_alive():
            jobs = chunk.jobs[:: -(-len(chunk.jobs) // SAMPLES)]

            def show() -> None:
                machines.expected = self._expected(jobs)

            self._showing = Thread(target=show, name="samples", daemon=True)
            self._showing.start()

    def _submit(self, machines: Crew, chunk: Chunk) -> Future:
        wanted = [node.Wanted(job.key.path, job.key.size_bytes, job.known) for job in chunk.jobs]
        return machines.client.submit(
            node.embed, wanted, chunk.jobs[0].boxes, workers=sorted(chunk.asked), pure=False
        )

    def _expected(self, jobs: Sequence[Job]) -> node.Expected:
        found: dict[str, bytes] = {}
        for job in jobs:
            with suppress(EdgeAppError, OSError):
                found[job.key.path] = fingerprint_at(self._library, job.key.path)
        return node.Expected(VERSION, self._model, found)


def chunks(jobs: Iterable[Job]) -> Iterator[Chunk]:
    """Jobs in chunks of a bounded number of photos and of bytes."""
    some: list[Job] = []
    size = 0
    for job in jobs:
        if some and (len(some) == CHUNK_PHOTOS or size + job.key.size_bytes > CHUNK_BYTES):
            yield Chunk(some)
            some, size = [], 0
        some.append(job)
        size += job.key.size_bytes
    if some:
        yield Chunk(some)
