"""Gives images of an earlier version's index their patterns, from the thumbnails that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge_app.index.write.batch import BATCH_IMAGES, Batch, Patterned
from edge_app.index.write.writer import Writer
from edge_app.indexing.plan import Progress
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.pool import DecodePool, Job


def fill_patterns(
    writer: Writer,
    pool: DecodePool,
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> int:
    """Make every pattern that is missing, batch by batch; how many images got one.

    A thumbnail that is damaged or missing gives none: `check` tells of those.
    """
    total, done = writer.count_without_pattern(), 0
    found: list[Patterned] = []
    for job, result in pool.run(_jobs(writer)):  # one run: each starts its own children
        if isinstance(result, Decoded):
            found.append(Patterned(job.key, result.pattern))
        if len(found) == BATCH_IMAGES:
            done += _commit(writer, found)
            found = []
            on_progress(Progress("indexing", done, total))
    if found:
        done += _commit(writer, found)
        on_progress(Progress("indexing", done, total))
    return done


def _jobs(writer: Writer) -> Iterator[Job]:
    last = 0
    while thumbnails := writer.thumbnails_without_pattern(last, BATCH_IMAGES):
        last = max(thumbnails)
        yield from (Job(id, thumbnail) for id, thumbnail in thumbnails.items())


def _commit(writer: Writer, found: list[Patterned]) -> int:
    writer.commit(Batch(patterned=found))
    return len(found)
