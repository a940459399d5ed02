"""Decodes and embeds photos on the machines of a cluster, in the place of a pool of children."""

from __future__ import annotations

import logging
import queue
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

from edge_app import VERSION
from edge_app.cluster import node
from edge_app.cluster.failures import line_of, unreachable
from edge_app.cluster.keys import MISSING, security_of
from edge_app.config import Config
from edge_app.errors import DecodeError, EdgeAppError, UsageError
from edge_app.indexing.stages import Answer
from edge_app.library.source import Elsewhere, Source, fingerprint_at
from edge_app.model.card import ModelIdentity
from edge_app.photos.children.pool import DecodePool, Job

# Of distributed, which has no types.
Client: TypeAlias = Any
Future: TypeAlias = Any

log = logging.getLogger(__name__)

CHUNK_PHOTOS = 32
CHUNK_BYTES = 64 * 1024**2  # of original files
AHEAD = 2 * node.TASKS  # chunks at one machine, those it works on included
SAMPLES = 4  # photos by which a machine's library is known
LOOK_S = 1.0  # between two looks at which machines there are
CONNECT_S = 30.0
JOIN_S = 10.0  # for the first machine
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
    tried: set[str] = field(default_factory=set)  # addresses of machines that did not see them all
    asked: frozenset[str] = frozenset()  # where it may be done


class ClusterPool:
    """The machines at a scheduler; what none of them can do, `own` does.

    Machines may come, and go in the middle of their work. One with another version, model or
    library is refused, by name, in the log.
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
        self._address, self._library, self._model, self.local = address, library, model, own
        self._security = security_of(address, tls)
        self._machines: dict[str, str] = {}  # names by address
        self._refused: set[str] = set()
        self._looked_s = 0.0
        self.done: Counter[str] = Counter()  # photos, by the name of the machine

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer]]:
        """Each job with its outcome, in the order they are done; `jobs` is read lazily."""
        try:
            from distributed import Client
        except ImportError:
            raise UsageError(MISSING) from None
        jobs = iter(jobs)
        first = list(islice(jobs, SAMPLES))
        if not first:
            return
        expected = node.Expected(VERSION, self._model, self._samples(first))
        try:
            client = Client(
                self._address, security=self._security, timeout=CONNECT_S, set_as_default=False
            )
        except (OSError, TimeoutError) as error:
            if not self._required:
                log.warning("the cluster at %s can't be reached: %s", self._address, line_of(error))
                yield from self._own_work(chain(first, jobs))
                return
            raise unreachable(self._address, error) from None
        try:
            yield from self._work(client, expected, chunks(chain(first, jobs)))
        finally:
            with suppress(Exception):  # it may be gone
                client.close(timeout=5)

    def counts(self) -> dict[str, int]:
        """Photos that each machine has done, by its name."""
        return dict(self.done)

    def _work(
        self, client: Client, expected: node.Expected, chunks: Iterator[Chunk]
    ) -> Iterator[tuple[Job, Answer]]:
        done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        flying: dict[Future, Chunk] = {}
        again: list[Chunk] = []
        self._wait_for_machines(client, expected)
        try:
            while True:
                self._look(client, expected)
                for future in self._stranded(flying):
                    again.append(flying.pop(future))
                    future.cancel()
                while len(flying) < AHEAD * len(self._machines):
                    chunk = again.pop() if again else next(chunks, None)
                    if chunk is None:
                        break
                    chunk.asked = frozenset(self._machines.keys() - chunk.tried)
                    if not chunk.asked:
                        yield from self._own_work(chunk.jobs)
                        continue
                    flying[self._submit(client, chunk, done)] = chunk
                if not flying:
                    chunk = again.pop() if again else next(chunks, None)
                    if chunk is None:
                        return
                    yield from self._own_work(chunk.jobs)  # no machine is left
                    continue
                try:
                    future = done.get(timeout=LOOK_S)
                except queue.Empty:
                    continue
                if chunk := flying.pop(future, None):
                    yield from self._take(future, chunk, again)
        finally:
            for future in flying:
                with suppress(Exception):
                    future.cancel()

    def _take(
        self, future: Future, chunk: Chunk, again: list[Chunk]
    ) -> Iterator[tuple[Job, Answer]]:
        from distributed.scheduler import KilledWorker

        try:
            address, results = future.result()
        except KilledWorker:
            if len(chunk.jobs) == 1:
                yield chunk.jobs[0], DecodeError(KILLED)
            else:  # one of them did it
                again += [Chunk([job], set(chunk.tried)) for job in chunk.jobs]
            return
        except Exception as error:
            log.warning("a machine failed, this one does its part: %s", line_of(error))
            yield from self._own_work(chunk.jobs)
            return
        name = self._machines.get(address, address)
        unseen = []
        for job, result in zip(chunk.jobs, results, strict=True):
            if result is None:
                unseen.append(job)
            else:
                self.done[name] += 1
                yield job, result
        if unseen:
            again.append(Chunk(unseen, chunk.tried | {address}))

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
        yield from elsewhere

    def _submit(self, client: Client, chunk: Chunk, done: queue.SimpleQueue[Future]) -> Future:
        wanted = [node.Wanted(job.key.path, job.key.size_bytes, job.known) for job in chunk.jobs]
        future = client.submit(
            node.embed, wanted, chunk.jobs[0].boxes, workers=sorted(chunk.asked), pure=False
        )
        future.add_done_callback(done.put)
        return future

    def _stranded(self, flying: dict[Future, Chunk]) -> list[Future]:
        """Those that wait for machines that are all gone."""
        return [one for one, chunk in flying.items() if not chunk.asked & self._machines.keys()]

    def _wait_for_machines(self, client: Client, expected: node.Expected) -> None:
        until = time.monotonic() + JOIN_S
        while not self._machines and time.monotonic() < until:
            self._looked_s = 0.0
            self._look(client, expected)
            if not self._machines:
                time.sleep(0.2)
        if not self._machines:
            log.warning("no machine works at %s; this one does everything", self._address)

    def _look(self, client: Client, expected: node.Expected) -> None:
        """Let new machines in that agree, and forget those that have gone."""
        if time.monotonic() - self._looked_s < LOOK_S:
            return
        self._looked_s = time.monotonic()
        present = _machines(client)
        for address in self._machines.keys() - present.keys():
            log.warning("machine %s has gone", self._machines.pop(address))
        for address in present.keys() - self._machines.keys() - self._refused:
            try:
                asked = client.run(node.refusal, expected, workers=[address], on_error="return")
                refusal = asked[address]
            except (OSError, TimeoutError, ValueError, KeyError):
                continue  # it has gone again
            if isinstance(refusal, BaseException):
                refusal = f"it can't say what it has: {line_of(refusal)}"
            if refusal is None:
                self._machines[address] = present[address]
            else:
                self._refused.add(address)
                log.warning("machine %s is refused: %s", present[address], refusal)

    def _samples(self, jobs: Sequence[Job]) -> dict[str, bytes]:
        found = {}
        for job in jobs:
            with suppress(EdgeAppError, OSError):
                found[job.key.path] = fingerprint_at(self._library, job.key.path)
        return found


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


def _machines(client: Client) -> dict[str, str]:
    """Names by address; none where the scheduler does not answer."""
    try:
        workers: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    except (OSError, TimeoutError):
        return {}
    return {address: str(facts.get("name", address)) for address, facts in workers.items()}
