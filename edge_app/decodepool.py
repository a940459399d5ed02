"""Decodes in child processes that can be killed, so that no image can take the program down."""

from __future__ import annotations

import fcntl
import json
import math
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from types import TracebackType
from typing import Any, Self

from edge_app import decodechild
from edge_app.config import Limits, MiB
from edge_app.decode import WHOLE, Box, Decoded
from edge_app.decodechild import EXIT_MEMORY, LENGTHS, Settings, message, unpack
from edge_app.errors import (
    DecodeError,
    EdgeAppError,
    LibraryError,
    NotFoundError,
    UnreadableError,
)

PACKAGE = Path(__file__).parent
START_S = 30.0  # from starting a child to its greeting
ANSWER_S = 30.0  # from the first byte of a message to its last
EXIT_S = 5.0  # for a child that closed its pipe or was killed to be gone
PIPE_BYTES = (
    1 << 20
)  # the most an unprivileged Linux process may ask for; holds 6 answers at 224 px

Outcome = Decoded | DecodeError | NotFoundError
_ERRORS: dict[str, type[EdgeAppError]] = {
    kind.__name__: kind for kind in (DecodeError, UnreadableError, NotFoundError, LibraryError)
}


@dataclass(frozen=True, slots=True)
class Job:
    """One image to decode: an original by its path below the library root, or the bytes."""

    key: Any  # the caller's, untouched
    source: str | bytes
    boxes: tuple[Box, ...] = (WHOLE,)


class DecodePool:
    """Children that decode, each with a memory cap and a time cap.

    A crash, a hang or runaway memory costs one child and is that image's DecodeError; the jobs
    behind it in the same child are done by the next one.
    """

    def __init__(
        self,
        root: Path | None,
        size_px: int,
        limits: Limits,
        workers: int,
        nice: int = 10,
        decoder: str = "edge_app.decode",
    ) -> None:
        self._root = None if root is None else os.path.abspath(root)
        self._size_px = size_px
        self._limits = limits
        self._workers = workers
        self._nice = nice
        self._decoder = decoder
        self._lock = threading.Lock()
        self._spare: list[_Child] = []  # at most one, kept warm for decode()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Each job with its outcome, in the order they are done; `jobs` is read lazily.

        NotFoundError is the outcome of a file that vanished. Raises LibraryError when the library
        root itself does. Children start when there is work for them and end with the run.
        """
        children: list[_Child] = []
        try:
            yield from self._work(jobs, children, self._workers, self._nice)
        finally:
            for child in children:
                child.close()

    def decode(self, source: str | bytes, boxes: tuple[Box, ...] = (WHOLE,)) -> Decoded:
        """One image, while someone waits: in a child of its own, not niced. From any thread."""
        with self._lock:
            children, self._spare = self._spare, []
        try:
            [(_, outcome)] = self._work([Job(None, source, boxes)], children, workers=1, nice=0)
        except BaseException:
            for child in children:
                child.close()
            raise
        self._keep(children)
        if isinstance(outcome, Decoded):
            return outcome
        raise outcome

    def close(self) -> None:
        """End the child kept warm; a run or decode in progress ends its own."""
        with self._lock:
            self._closed = True
            children, self._spare = self._spare, []
        for child in children:
            child.close()

    def _keep(self, children: list[_Child]) -> None:
        with self._lock:
            if not self._closed and not self._spare:
                self._spare, children = children, []
        for child in children:
            child.close()

    def _start(self, nice: int) -> _Child:
        settings = Settings(self._root, self._size_px, asdict(self._limits), nice, self._decoder)
        return _Child(settings, self._limits)

    def _work(
        self, jobs: Iterable[Job], children: list[_Child], workers: int, nice: int
    ) -> Iterator[tuple[Job, Outcome]]:
        """Do the jobs in at most `workers` children; `children` always lists those that live."""
        waiting = _Waiting(jobs)
        while True:
            self._hand_out(waiting, children, workers, nice)
            busy = [child for child in children if child.jobs]
            if not busy:
                return
            for child in _ready(busy):
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

    def _hand_out(self, waiting: _Waiting, children: list[_Child], workers: int, nice: int) -> None:
        """Give every child one job, then every child a second, up to `limits.decode_ahead`."""
        for depth in range(1, self._limits.decode_ahead + 1):
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

    def suits(self, child: _Child) -> bool:
        """Whether the next job may go to the child now.

        Bytes go to an idle child only: a busy one may be waiting for us to read its answer, and we
        would wait for it to read the bytes. A path always fits in the pipe.
        """
        return self._next is not None and (isinstance(self._next.source, str) or not child.jobs)

    def take(self) -> Job:
        job, self._next = self._next, next(self._jobs, None)
        assert job is not None
        return job


class _Child:
    """One decoding process and the jobs it was given, in order; it works on the first."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self.jobs: deque[Job] = deque()
        self.due_s = time.monotonic() + START_S  # when its next message has to be there
        self._processor_due_s = START_S  # the same on the clock of its own processor time
        self._limits = limits
        self._greeted = False
        self._answers = 0
        command = [sys.executable, "-m", decodechild.__name__, json.dumps(settings)]
        self._process = Popen(command, cwd=PACKAGE.parent, stdin=PIPE, stdout=PIPE)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        with suppress(OSError):  # refused to users with many big pipes: then it waits more often
            fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def fileno(self) -> int:
        return self._output.fileno()

    def send(self, job: Job) -> None:
        """Give it a job more."""
        path, body = (job.source, b"") if isinstance(job.source, str) else (None, job.source)
        if self._greeted and not self.jobs:
            self._start_clock()
        self.jobs.append(job)
        with suppress(BrokenPipeError):  # it is dead, which shows when its answer is due
            self._input.write(message({"path": path, "boxes": job.boxes}, body))
            self._input.flush()

    def answer(self) -> tuple[Job, Outcome] | None:
        """Its first job and the outcome; None for a new child's greeting, or if it needs longer.

        EOFError when it died, TimeoutError when it has to.
        """
        if not _readable([self], self.due_s) and self._is_starved():
            self.due_s = time.monotonic() + self._processor_left_s()
            return None
        head_bytes, body_bytes = LENGTHS.unpack(self._read(LENGTHS.size, self.due_s))
        rest_due_s = time.monotonic() + ANSWER_S
        head = json.loads(self._read(head_bytes, rest_due_s))
        body = self._read(body_bytes, rest_due_s)
        self._start_clock()
        if not self._greeted:
            self._greeted = True
            return None
        self._answers += 1
        return self.jobs.popleft(), _outcome(head, body)

    def _start_clock(self) -> None:
        self.due_s = time.monotonic() + self._limits.decode_s
        self._processor_due_s = _processor_s(self._process.pid)[0] + self._limits.decode_s

    def _processor_left_s(self) -> float:
        return self._processor_due_s - _processor_s(self._process.pid)[0]

    def _is_starved(self) -> bool:
        """Whether it is computing but has not had its time of a processor yet.

        Under load a nice process may wait for seconds, which is not its image's fault.
        """
        return self._processor_left_s() > 0 and _processor_s(self._process.pid)[1]

    def bury(self, death: EOFError | TimeoutError) -> tuple[Job, Outcome] | None:
        """End it; the job it died of and the reason, or None if that job deserves another try.

        Only what a fresh child dies of is surely its first job's doing: earlier images may have
        left leaks or a damaged heap behind. A job that took too long gets no second chance.
        """
        if isinstance(death, TimeoutError):
            reason = self._slowness()
            self.close()
        else:
            with suppress(TimeoutExpired):
                self._process.wait(EXIT_S)
            self.close()
            reason = self._cause_of_death()
        if not self._greeted:
            raise EdgeAppError(f"a decoding process did not start ({self._end()})")
        if isinstance(death, EOFError) and self._answers:
            return None
        return self.jobs.popleft(), reason

    def close(self) -> None:
        """Kill it; it has nothing to lose."""
        self._process.kill()
        for pipe in (self._input, self._output):
            with suppress(BrokenPipeError):
                pipe.close()
        with suppress(TimeoutExpired):  # stuck in the kernel, on a dead network mount: init's now
            self._process.wait(EXIT_S)

    def _slowness(self) -> DecodeError:
        limit_s = self._limits.decode_s
        idled = self._processor_left_s() > limit_s / 2
        if idled and isinstance(self.jobs[0].source, str):  # a disk or a network mount that hangs
            return UnreadableError(f"reading took over {limit_s:g} s (decode_s)")
        return DecodeError(f"decoding took over {limit_s:g} s (decode_s)")

    def _cause_of_death(self) -> DecodeError:
        if self._process.returncode == EXIT_MEMORY:
            limit_mib = self._limits.decode_memory_bytes / MiB
            reason = f"decoding needs over {limit_mib:g} MiB of memory (decode_memory_bytes)"
            return DecodeError(reason)
        return DecodeError(f"the decoder crashed ({self._end()})")

    def _end(self) -> str:
        code = self._process.returncode
        return f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name

    def _read(self, size_bytes: int, due_s: float) -> bytearray:
        data = bytearray(size_bytes)
        view = memoryview(data)
        while view:
            if not _readable([self], due_s):
                raise TimeoutError
            count = os.readv(self.fileno(), [view])
            if count == 0:
                raise EOFError
            view = view[count:]
        return data


def _ready(children: list[_Child]) -> list[_Child]:
    """Wait, then list the children to look at: with a message, dead, or overdue."""
    readable = _readable(children, min(child.due_s for child in children))
    now_s = time.monotonic()
    return [child for child in children if child.fileno() in readable or child.due_s <= now_s]


def _readable(children: list[_Child], until_s: float) -> set[int]:
    """The descriptors with something to read, or at their end, by `until_s` at the latest."""
    poll = select.poll()
    for child in children:
        poll.register(child, select.POLLIN)
    wait_ms = max(0, math.ceil((until_s - time.monotonic()) * 1000))
    return {descriptor for descriptor, _ in poll.poll(wait_ms)}


def _processor_s(pid: int) -> tuple[float, bool]:
    """The processor time a process has used, and whether it is using or wanting more right now."""
    state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[10]) + int(fields[11])) / os.sysconf("SC_CLK_TCK"), state == "R"


def _outcome(head: dict[str, Any], body: bytearray) -> Outcome:
    """What an answer says; LibraryError is raised, as it concerns every job."""
    if "error" not in head:
        return unpack(head, bytes(body))
    error = _ERRORS[head["error"]](head["text"])
    if isinstance(error, DecodeError | NotFoundError):
        return error
    raise error
