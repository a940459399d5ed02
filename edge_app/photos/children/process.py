"""One decoding process seen from its parent: give it jobs, take its answers, end it."""

from __future__ import annotations

import fcntl
import json
import math
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any

from edge_app.config import Limits, MiB
from edge_app.errors import (
    DecodeError,
    EdgeAppError,
    LibraryError,
    NotFoundError,
    UnreadableError,
)
from edge_app.library.remote.access import without_keys
from edge_app.library.source import Elsewhere, InFolder
from edge_app.photos.children import child as decodechild
from edge_app.photos.children.child import EXIT_MEMORY, LENGTHS, Settings, message, unpack
from edge_app.photos.children.decode import Decoded
from edge_app.photos.reading.lacks import lacks_limit
from edge_app.photos.regions import WHOLE, Box

PACKAGE = Path(__file__).parents[2]
START_S = 30.0  # from starting a process to its greeting
ANSWER_S = 30.0  # from the first byte of a message to its last
EXIT_S = 5.0  # for a process that closed its pipe or was killed to be gone
# The most an unprivileged Linux process may ask for; holds the answers for six images at 224 px.
PIPE_BYTES = 1 << 20


class Same:
    """The outcome of a job whose file holds what it was known to hold: nothing was decoded."""


Outcome = Decoded | Same | DecodeError | NotFoundError
_ERRORS: dict[str, type[EdgeAppError]] = {
    kind.__name__: kind for kind in (DecodeError, UnreadableError, NotFoundError, LibraryError)
}


@dataclass(frozen=True, slots=True)
class Job:
    """One image to decode: an original that the process opens itself, or the bytes; for machines
    of a cluster also one that they read."""

    key: Any  # the caller's, untouched
    source: InFolder | bytes | memoryview | Elsewhere
    boxes: tuple[Box, ...] = (WHOLE,)
    known: bytes | None = None  # a fingerprint: an original that has it is not decoded


class DecodeProcess:
    """One decoding process and the jobs it was given, in order; it works on the first."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self.jobs: deque[Job] = deque()
        self.due_s = time.monotonic() + START_S  # when its next message has to be there
        self._processor_due_s = START_S  # the same on the clock of its own processor time
        self._limits = limits
        self._greeted = False
        self._answered = False
        command = [sys.executable, "-m", decodechild.__name__, json.dumps(settings)]
        try:
            with _interrupts_held():
                self._process = Popen(
                    command,
                    cwd=PACKAGE.parent,
                    stdin=PIPE,
                    stdout=PIPE,
                    env=without_keys(os.environ),
                )
        except OSError as error:  # no memory, or too many processes or open files
            raise EdgeAppError(f"a decoding process can't start: {error.strerror}") from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._stat = open(f"/proc/{self._process.pid}/stat", "rb", buffering=0)  # noqa: SIM115
        with suppress(OSError):  # refused to users with many big pipes: then it waits more often
            fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def fileno(self) -> int:
        return self._output.fileno()

    def send(self, job: Job) -> None:
        """Give it a job more."""
        assert not isinstance(job.source, Elsewhere), "read it before"
        file, body = (job.source, b"") if isinstance(job.source, InFolder) else (None, job.source)
        if self._greeted and not self.jobs:
            self._start_clock()
        self.jobs.append(job)
        with suppress(BrokenPipeError):  # it is dead, which shows when its answer is due
            known = job.known and job.known.hex()
            head = {"file": file, "boxes": job.boxes, "known": known}
            self._input.writelines(message(head, body))
            self._input.flush()

    def answer(self) -> tuple[Job, Outcome] | None:
        """Its first job and the outcome; None for its greeting, or if it needs longer.

        EOFError when it died, TimeoutError when it has to.
        """
        if not _readable([self], self.due_s) and self._is_starved():
            self.due_s = time.monotonic() + self._processor_left_s()
            return None
        head_bytes, body_bytes = LENGTHS.unpack(self._read(LENGTHS.size, self.due_s))
        rest = self._read(head_bytes + body_bytes, time.monotonic() + ANSWER_S)
        self._start_clock()
        if not self._greeted:
            self._greeted = True
            return None
        self._answered = True
        return self.jobs.popleft(), _outcome(json.loads(rest[:head_bytes]), rest[head_bytes:])

    def _start_clock(self) -> None:
        self.due_s = time.monotonic() + self._limits.decode_s
        self._processor_due_s = self._processor_s()[0] + self._limits.decode_s

    def _processor_left_s(self) -> float:
        return self._processor_due_s - self._processor_s()[0]

    def _is_starved(self) -> bool:
        """Whether it is computing but has not had its time of a processor yet.

        Under load a nice process may wait for seconds, which is not its image's fault.
        """
        return self._processor_left_s() > 0 and self._processor_s()[1]

    def _processor_s(self) -> tuple[float, bool]:
        """The processor time it has used, and whether it is using or wanting more right now."""
        stat = os.pread(self._stat.fileno(), 4096, 0).rpartition(b")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"), stat[0] == b"R"

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
        if isinstance(death, EOFError) and self._answered:
            return None
        return self.jobs.popleft(), reason

    def kill(self) -> None:
        """End it from another thread; whoever waits for its answer has EOFError."""
        self._process.kill()

    def close(self) -> None:
        """Kill it; it has nothing to lose."""
        self._process.kill()
        for pipe in (self._input, self._output, self._stat):
            with suppress(BrokenPipeError):
                pipe.close()
        with suppress(TimeoutExpired):  # stuck in the kernel, on a dead network mount: init's now
            self._process.wait(EXIT_S)

    def _slowness(self) -> DecodeError:
        limit_s = self._limits.decode_s
        idled = self._processor_left_s() > limit_s / 2
        if idled and isinstance(
            self.jobs[0].source, InFolder
        ):  # a disk or a network mount that hangs
            return UnreadableError(f"reading took over {limit_s:g} s (--decode-time)")
        return DecodeError(
            f"decoding took over {limit_s:g} s (--decode-time)",
            lacks_limit("decode_s", self._limits),
        )

    def _cause_of_death(self) -> DecodeError:
        if self._process.returncode == EXIT_MEMORY:
            limit_mib = self._limits.decode_memory_bytes / MiB
            reason = f"decoding needs over {limit_mib:g} MiB of memory (--decode-memory)"
            return DecodeError(reason, lacks_limit("decode_memory_bytes", self._limits))
        if self._process.returncode == -signal.SIGKILL:
            # No image does this: the kernel was out of memory, which may be otherwise next time.
            return UnreadableError("the decoder was killed, probably because memory ran out")
        return DecodeError(f"the decoder crashed ({self._end()})")

    def _end(self) -> str:
        code = self._process.returncode
        if code == -signal.SIGKILL:
            return "killed, probably because memory ran out"
        return f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name

    def _read(self, size_bytes: int, due_s: float) -> bytes:
        data = bytearray(size_bytes)
        view = memoryview(data)
        while view:
            if not _readable([self], due_s):
                raise TimeoutError
            count = os.readv(self.fileno(), [view])
            if count == 0:
                raise EOFError
            view = view[count:]
        return bytes(data)


def ready(processes: list[DecodeProcess]) -> list[DecodeProcess]:
    """Wait, then list the processes to look at: with a message, dead, or overdue."""
    readable = _readable(processes, min(process.due_s for process in processes))
    now_s = time.monotonic()
    return [p for p in processes if p.fileno() in readable or p.due_s <= now_s]


def _readable(processes: list[DecodeProcess], until_s: float) -> set[int]:
    """The descriptors with something to read, or at their end, by `until_s` at the latest."""
    poll = select.poll()
    for process in processes:
        poll.register(process, select.POLLIN)
    wait_ms = max(0, math.ceil((until_s - time.monotonic()) * 1000))
    return {descriptor for descriptor, _ in poll.poll(wait_ms)}


def _outcome(head: dict[str, Any], body: bytes) -> Outcome:
    """What an answer says; LibraryError is raised, as it concerns every job."""
    if "same" in head:
        return Same()
    if "error" not in head:
        return unpack(head, body)
    error = _ERRORS[head["error"]](head["text"])
    if isinstance(error, DecodeError):
        error.lacks = head["lacks"]
        return error
    if isinstance(error, NotFoundError):
        return error
    raise error


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process that is started here never gets SIGINT: Ctrl-C is for its parent, and would end it
    with a traceback before it can say that it ignores it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
