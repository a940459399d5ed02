"""Brings the index up to date with the photo folder: scan → decode → embed → store, overlapping.

Child processes decode, threads embed, and one more thread commits a batch while the next one fills;
only then is it counted as done. No stage runs further ahead of the next than keeps that one busy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from edge_app.config import Limits
from edge_app.errors import DecodeError, LibraryError, NotFoundError, UnreadableError
from edge_app.index.format.records import Known, RejectedRecord
from edge_app.index.write.batch import BATCH_IMAGES, Batch, Moved, NewImage
from edge_app.index.write.writer import Writer
from edge_app.indexing.bounded import Ahead
from edge_app.indexing.images import new_image
from edge_app.indexing.lost import Lost
from edge_app.indexing.plan import IndexReport, Plan, Progress, Skipped, offline_told, plan
from edge_app.indexing.reading import Reads
from edge_app.indexing.renaming import rename_sources
from edge_app.indexing.stages import Decodes, Embedded, Embeds, Result
from edge_app.library.folder import source_of
from edge_app.library.scan import FoundFile, Scan
from edge_app.library.source import Elsewhere, InFolder, Source
from edge_app.model.embed import pixels_of
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.pool import Job, Same
from edge_app.photos.reading.lacks import is_worth_a_try, lacks_version
from edge_app.photos.regions import TILES, WHOLE

FIRST_BATCH_S = 1.0
NEVER_NS = -(2**63)
_NOTED = 2000  # in a commit: the first run of a new version notes something of every image


def index(
    library: Source | Path,
    writer: Writer,
    pool: Decodes,
    embedder: Embeds,
    limits: Limits,
    *,
    machines: Callable[[], dict[str, int]] = dict,
    prune: bool = False,
    retry: bool = False,
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> IndexReport:
    """Index what is new or changed in `library`, mark or drop what is gone, commit in batches.

    Files that vanish are dropped, unless their drive is not there or more than half of it is gone:
    then they are kept as offline until `prune` is given (indexing.lost). A rejected file is tried
    again when it or what it lacked has changed; with `retry` every one is.
    Raises LibraryError for a library out of reach, StoreError where the index can't be written;
    whatever was committed before stays.
    """
    start = time.monotonic()
    library = source_of(library)
    on_progress(Progress("scanning"))
    with offline_told(on_progress):
        found = library.scan()
    rename_sources(writer)
    known, rejected = writer.known(), writer.rejected()
    again = set(rejected) if retry else _worth_a_try(rejected, limits)
    todo = plan(found, known, rejected, again)
    lost = Lost(found, known, todo.missing)
    report = IndexReport(
        unchanged=todo.unchanged,
        rejected=todo.still_rejected,
        skipped=[Skipped(reason, t.count, t.example) for reason, t in found.left_out().items()],
        unreachable=found.offline,
    )
    boxes = (WHOLE, *TILES) if writer.tiles else (WHOLE,)

    def job_of(file: FoundFile, source: InFolder | bytes | Elsewhere) -> Job:
        return Job(file, source, boxes, _content(known.get(file.path)))

    with (
        # As many images wait as are being embedded, so that no thread has to.
        Ahead[NewImage](embedder.threads, most=2 * embedder.threads) as images,
        Ahead[int](threads=1, most=1) as commits,
    ):
        run = _Run(
            library, writer, embedder, limits, todo, known, lost, report, images, commits,
            machines, on_progress,
        )  # fmt: skip
        reads = Reads(library, limits, found.offline)
        run.read(reads.outcomes(pool, todo.to_read, job_of))
        if run.alone:  # RAW files whose picture turned out to be none
            rest = plan(Scan(run.alone), known, rejected, again | {f.path for f in run.alone})
            run.add(rest)
            run.read(reads.outcomes(pool, rest.to_read, job_of))
        run.finish(prune)
    if "" in found.offline:  # the only source went away in the middle
        raise LibraryError(found.offline[""])
    report.seconds = time.monotonic() - start
    read = report.added + report.updated + report.moved
    report.images_per_s = read / report.seconds if read else 0.0
    return report


def _worth_a_try(rejected: Mapping[str, RejectedRecord], limits: Limits) -> set[str]:
    """The paths of rejected files of which what they lacked is there now."""
    # Of 100,000 files few lack different things.
    worth = {lacks: is_worth_a_try(lacks, limits) for lacks in {f.lacks for f in rejected.values()}}
    return {path for path, file in rejected.items() if worth[file.lacks]}


def _content(old: Known | None) -> bytes | None:
    """What the file held when its row was made: with the same bytes it keeps the row, whatever its
    time says; copies, and file systems that round times, change those."""
    return old.content if old and old.embedded else None


@dataclass(slots=True)
class _Run:
    """The state of one run: the batch being filled, and what is left of the missing files."""

    library: Source
    writer: Writer
    embedder: Embeds
    limits: Limits
    todo: Plan
    known: dict[str, Known]
    lost: Lost
    report: IndexReport
    images: Ahead[NewImage]  # being embedded
    commits: Ahead[int]  # of batches; each gives the count of its files
    machines: Callable[[], dict[str, int]]  # files that each of a cluster has done
    on_progress: Callable[[Progress], object]
    alone: list[FoundFile] = field(default_factory=list)  # RAW files whose picture can't be used
    batch: Batch = field(init=False)
    done: int = 0  # files that are committed
    started_s: float = field(default_factory=time.monotonic)
    filling_s: float = field(init=False)  # since when the batch is being filled

    def __post_init__(self) -> None:
        self.filling_s = self.started_s
        self.batch = Batch(
            online=self.todo.back_online,
            forgotten=self.todo.forgotten,
            rejected=self.todo.noted_rejected,
        )

    def read(self, results: Iterable[tuple[FoundFile, Result]]) -> None:
        """Embed and commit what the pool decodes, as it comes."""
        self._tell()
        for start in range(0, len(self.todo.noted), _NOTED):
            self.batch.noted = self.todo.noted[start : start + _NOTED]
            self._commit(0)
        pending = 0
        for file, result in results:
            self._take(file, result)
            self.batch.images.extend(self.images.done())
            pending += 1
            if 2 * pending >= BATCH_IMAGES or self._is_due():
                self._commit(pending)
                pending = 0
            self._note(self.commits.done())
        self._commit(pending)

    def add(self, rest: Plan) -> None:
        """Further files, which have been a part of others in the plan."""
        self.report.unchanged += rest.unchanged
        self.report.rejected += rest.still_rejected
        self.todo.to_read += rest.to_read
        self.todo.noted = rest.noted
        self.batch.online += rest.back_online
        for file in self.alone:
            self.todo.absorbed.pop(file.path, None)

    def finish(self, prune: bool) -> None:
        """Drop or mark the files that are gone, now that the moved ones are known."""
        self.batch.removed += [old.id for old in self.todo.absorbed.values()]
        self.lost.judge_drives()
        self.report.away = [] if prune else self.lost.away()
        for path, old in self.todo.missing.items():
            if self.lost.is_gone(path, old, prune):
                self.batch.removed.append(old.id)
                self.report.removed += 1
            else:
                self._mark_offline(old)
        self._commit(0)
        self._note(self.commits.rest())
        # A new generation made from half a library would take away what still can be searched.
        if prune or not ((self.lost.doubtful or self.todo.offline) and self.writer.building):
            self.writer.finish()

    def _take(self, file: FoundFile, result: Result) -> None:
        if isinstance(result, NotFoundError) or not self.library.unchanged(file):
            return  # gone, or still being written: the next run sees what became of it
        old = self.known.get(file.path)
        if isinstance(result, Same):
            self._move(self.known[file.path], file)
        elif isinstance(result, DecodeError):
            self._reject(file, result, old)
        elif not old and (twin := self.lost.twin(result.content, file.version)):
            self._move(twin, file)
        else:
            self.images.start(partial(self._embed, file, result))
            self.report.updated += bool(old)
            self.report.added += not old
            self.lost.compare(old, result.content)

    def _move(self, old: Known, file: FoundFile) -> None:
        self.batch.moved.append(
            Moved(
                old.id, file.path, file.size_bytes, file.mtime_ns, file.version, file.mount,
                file.raw_names,
            )
        )  # fmt: skip
        self.report.moved += 1

    def _reject(self, file: FoundFile, reason: DecodeError, old: Known | None) -> None:
        self.report.rejected += 1
        self.alone += file.raws
        mtime_ns = file.mtime_ns
        if isinstance(reason, UnreadableError):
            # Permissions or a failing disk say nothing of the image: a row it has stays, and a time
            # that no file has makes the next run try again.
            if old:
                return
            mtime_ns = NEVER_NS
        elif old:
            self.batch.removed.append(old.id)
        self.batch.rejected.append(
            RejectedRecord(
                file.path,
                file.size_bytes,
                mtime_ns,
                str(reason),
                reason.lacks or lacks_version(),
                file.version,
            )
        )

    def _embed(self, file: FoundFile, decoded: Decoded | Embedded) -> NewImage:
        if isinstance(decoded, Embedded):
            return new_image(file, decoded.decoded, decoded.vectors)
        views = pixels_of(decoded.views, self.writer.identity.input_size_px)
        return new_image(file, decoded, self.embedder.embed(views))

    def _is_due(self) -> bool:
        """Whether the batch is as old as all before it, or `batch_s`: the first photos show after
        a second, and commits soon become rare."""
        now = time.monotonic()
        earlier_s = max(FIRST_BATCH_S, self.filling_s - self.started_s)
        return now - self.filling_s >= min(earlier_s, self.limits.batch_s)

    def _mark_offline(self, old: Known) -> None:
        self.report.offline += 1
        if not old.offline:
            self.batch.offline.append(old.id)

    def _commit(self, count: int) -> None:
        """Begin to commit the batch, of `count` files; returns when the one before is committed."""
        self.batch.images.extend(self.images.rest())
        self.commits.start(partial(self._committed, self.batch, count))
        self.batch = Batch()
        self.filling_s = time.monotonic()
        self._note(self.commits.done())

    def _committed(self, batch: Batch, count: int) -> int:
        if batch:
            self.writer.commit(batch)
        return count

    def _note(self, committed: Iterable[int]) -> None:
        for count in committed:
            self.done += count
            self._tell()

    def _tell(self) -> None:
        rate = self.done / (time.monotonic() - self.started_s) if self.done else 0.0
        self.on_progress(
            Progress(
                "indexing",
                self.done,
                len(self.todo.to_read),
                rate,
                self.todo.offline,
                self.machines(),
            )
        )
