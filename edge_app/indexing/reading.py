"""Reads originals that are on other machines ahead of the decoders, many at a time.

A round trip of 50 ms to a bucket would leave the decoders idle for most of the time. Decoding
processes get the bytes; what is on this machine they read by themselves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from edge_app.config import Limits, MiB
from edge_app.errors import DecodeError, LibraryError, NotFoundError, UnreadableError
from edge_app.indexing.stages import Decodes, Result
from edge_app.library.scan import FoundFile
from edge_app.library.source import Elsewhere, InFolder, Source
from edge_app.library.sources import parts_of
from edge_app.photos.children.pool import Job
from edge_app.photos.reading.lacks import check_size

AHEAD = 32  # reads at a time; at 50 ms each that is 640 a second
AHEAD_BYTES = 64 * MiB  # of those and of what waits for a decoder; one larger file goes alone

Bytes = InFolder | bytes
MakeJob = Callable[[FoundFile, Bytes | Elsewhere], Job]


class Reads:
    """Jobs for the decoders from files, and the outcomes of both.

    unreachable: why a source can't be reached, by its name. Those that go away are added, and no
    more of them is read in this run.
    """

    def __init__(self, library: Source, limits: Limits, unreachable: dict[str, str]) -> None:
        self.unreachable = unreachable
        self._library, self._limits = library, limits
        self._named = "" not in parts_of(library)
        self._failed: deque[tuple[FoundFile, DecodeError]] = deque()

    def outcomes(
        self, pool: Decodes, files: Iterable[FoundFile], job_of: MakeJob
    ) -> Iterator[tuple[FoundFile, Result]]:
        """Each file with what became of it, in the order they are done; none of a source that is
        out of reach."""
        left = []
        jobs = self._jobs(files, job_of) if pool.local is None else self._unread(files, job_of)
        for job, outcome in pool.run(jobs):
            yield from self._failures()
            if isinstance(outcome, Elsewhere):
                left.append(job.key)
            else:
                yield job.key, outcome
        yield from self._failures()
        if left and pool.local is not None:
            yield from self.outcomes(pool.local, left, job_of)

    def _unread(self, files: Iterable[FoundFile], job_of: MakeJob) -> Iterator[Job]:
        for file in files:
            if self._library.is_here(file.path):
                yield job_of(file, self._library.to_decode(file.path, file.size_bytes))
            else:
                yield job_of(file, Elsewhere(file.path))

    def _jobs(self, files: Iterable[FoundFile], job_of: MakeJob) -> Iterator[Job]:
        with ThreadPoolExecutor(AHEAD, "read") as threads:  # it starts them when there is work
            # Twice as many as are read at a time: the others go on while the first one is slow.
            reads: deque[tuple[FoundFile, Future[Bytes]]] = deque()
            held_bytes = 0
            for file in files:
                if self._library.is_here(file.path):
                    yield job_of(file, self._library.to_decode(file.path, file.size_bytes))
                    continue
                while reads and (
                    len(reads) >= 2 * AHEAD or held_bytes + file.size_bytes > AHEAD_BYTES
                ):
                    held_bytes -= reads[0][0].size_bytes
                    yield from self._done(*reads.popleft(), job_of)
                if self._source(file) not in self.unreachable:
                    reads.append((file, threads.submit(self._read, file)))
                    held_bytes += file.size_bytes
            while reads:
                yield from self._done(*reads.popleft(), job_of)

    def _read(self, file: FoundFile) -> Bytes:
        if why := self.unreachable.get(self._source(file)):
            raise LibraryError(why)
        check_size(file.size_bytes, self._limits)
        return self._library.to_decode(file.path, file.size_bytes)

    def _done(self, file: FoundFile, read: Future[Bytes], job_of: MakeJob) -> Iterator[Job]:
        try:
            yield job_of(file, read.result())
        except LibraryError as error:
            self.unreachable.setdefault(self._source(file), str(error))
        except NotFoundError:  # if it was deleted since, the next listing takes this back
            self._failed.append(
                (file, UnreadableError("its source lists it, but does not have it"))
            )
        except DecodeError as error:
            self._failed.append((file, error))

    def _failures(self) -> Iterator[tuple[FoundFile, Result]]:
        while self._failed:
            yield self._failed.popleft()

    def _source(self, file: FoundFile) -> str:
        return file.path.partition("/")[0] if self._named else ""
