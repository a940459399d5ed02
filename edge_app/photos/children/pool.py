"""Decodes in child processes that can be killed, so that no image can take the program down."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from types import TracebackType
from typing import Self

from edge_app.config import Limits
from edge_app.errors import BusyError, EdgeAppError
from edge_app.library.source import InFolder
from edge_app.photos.children.child import Settings
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.process import DecodeProcess, Job, Outcome, Same, ready
from edge_app.photos.regions import CROP, PREPROCESS, WHOLE, Box

__all__ = ["DecodePool", "Job", "Outcome", "Same"]
# The module that decodes for a model, by the preprocess of its card.
DECODERS = {PREPROCESS: "edge_app.photos.children.decode", CROP: "edge_app.photos.children.cropped"}
AHEAD = 6  # jobs in flight at one decoding child, the one it works on included


# Of what decodes for a request: the loop that serves all others goes first.
REQUEST_NICE = 5


class DecodePool:
    """Children that decode, each with a memory cap and a time cap.

    A crash, a hang or runaway memory costs one child and is that image's DecodeError; the jobs
    behind it in the same child are done by the next one.
    """

    def __init__(
        self,
        size_px: int,
        limits: Limits,
        workers: int,
        nice: int = 19,
        decoder: str = DECODERS[PREPROCESS],
    ) -> None:
        self._size_px = size_px
        self._limits = limits
        self._workers = workers
        self._nice = nice
        self._decoder = decoder
        self._lock = threading.Lock()
        self._places = threading.Semaphore(workers)  # each is a child that may grow to its cap
        self._spare: list[DecodeProcess] = []  # at most one, kept warm for decode()
        self._runs: dict[int, list[DecodeProcess]] = {}  # the children of those in progress
        self._closed = self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    local = None  # it reads nothing that is elsewhere: jobs come with bytes

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Each job with its outcome, in the order they are done; `jobs` is read lazily.

        NotFoundError is the outcome of a file that vanished. Raises LibraryError when the library
        root itself does. Children start when there is work for them and end with the run.
        """
        children: list[DecodeProcess] = []
        self._runs[id(children)] = children
        try:
            yield from self._work(jobs, children, self._workers, self._nice)
        finally:
            del self._runs[id(children)]
            for child in children:
                child.close()

    def decode(
        self, source: InFolder | bytes | memoryview, boxes: tuple[Box, ...] = (WHOLE,)
    ) -> Decoded:
        """One image, while someone waits: in a child of its own, not niced. From any thread; of
        more than `workers` at a time the rest wait, and BusyError ends too long a wait."""
        if not self._places.acquire(timeout=self._limits.decode_s):
            raise BusyError("too many images are being decoded at once; try again")
        try:
            return self._decode(Job(None, source, boxes))
        finally:
            self._places.release()

    def _decode(self, job: Job) -> Decoded:
        with self._lock:
            children, self._spare = self._spare, []
        try:
            [(_, outcome)] = self._work([job], children, workers=1, nice=0)
        except BaseException:
            for child in children:
                child.close()
            raise
        self._keep(children)
        if isinstance(outcome, Decoded):
            return outcome
        assert not isinstance(outcome, Same), "nothing was said to be known"
        try:
            raise outcome
        finally:
            del outcome, job  # the error's traceback would hold itself, and so the whole upload

    def close(self) -> None:
        """End the child kept warm; a run or decode in progress ends its own."""
        with self._lock:
            self._closed = True
            children, self._spare = self._spare, []
        for child in children:
            child.close()

    def stop(self) -> None:
        """End the children of runs in progress, which raise EdgeAppError then, and start no more.
        From any thread."""
        self._stopped = True
        for child in [child for run in self._runs.copy().values() for child in run.copy()]:
            child.kill()

    def _keep(self, children: list[DecodeProcess]) -> None:
        with self._lock:
            if not self._closed and not self._spare:
                self._spare, children = children, []
        for child in children:
            child.close()

    def _start(self, nice: int) -> DecodeProcess:
        if self._stopped:
            raise EdgeAppError("the program ends")
        settings = Settings(self._size_px, asdict(self._limits), nice, self._decoder)
        return DecodeProcess(settings, self._limits)

    def _work(
        self, jobs: Iterable[Job], children: list[DecodeProcess], workers: int, nice: int
    ) -> Iterator[tuple[Job, Outcome]]:
        """Do the jobs in at most `workers` children; `children` always lists those that live."""
        waiting = _Waiting(jobs)
        while True:
            self._hand_out(waiting, children, workers, nice)
            busy = [child for child in children if child.jobs]
            if not busy:
                return
            for child in ready(busy):
                try:
                    done = child.answer()
                except (EOFError, TimeoutError) as death:
                    children.remove(child)
                    done = child.bury(death)
                    if child.jobs:
                        children.append(self._start(nice))
                        for job in child.jobs:
                            children[-1].send(job)
                if done is not None:
                    self._hand_out(waiting, children, workers, nice)  # no idling while we are away
                    yield done

    def _hand_out(
        self, waiting: _Waiting, children: list[DecodeProcess], workers: int, nice: int
    ) -> None:
        """Give every child one job, then every child a second, up to `AHEAD`."""
        for depth in range(1, AHEAD + 1):
            for child in children:
                if len(child.jobs) < depth and waiting.suits(child):
                    child.send(waiting.take())
            while waiting and len(children) < workers:
                children.append(self._start(nice))
                children[-1].send(waiting.take())


class _Waiting:
    """The jobs that no child has yet; true while there are any."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = iter(jobs)
        self._next = next(self._jobs, None)

    def __bool__(self) -> bool:
        return self._next is not None

    def suits(self, child: DecodeProcess) -> bool:
        """Whether the next job may go to the child now.

        Bytes go to an idle child only: a busy one may be waiting for us to read its answer, and we
        would wait for it to read the bytes. A place always fits in the pipe.
        """
        return self._next is not None and (
            isinstance(self._next.source, InFolder) or not child.jobs
        )

    def take(self) -> Job:
        job, self._next = self._next, next(self._jobs, None)
        assert job is not None
        return job
