"""Gives images of an earlier version's index their patterns, from the thumbnails that are there."""

from __future__ import annotations

from collections.abc import Callable

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
    total, done, last = writer.count_without_pattern(), 0, 0
    while thumbnails := writer.thumbnails_without_pattern(last, BATCH_IMAGES):
        last = max(thumbnails)
        results = pool.run(Job(id, thumbnail) for id, thumbnail in thumbnails.items())
        found = [
            Patterned(job.key, result.pattern)
            for job, result in results
            if isinstance(result, Decoded)
        ]
        if found:
            writer.commit(Batch(patterned=found))
        done += len(found)
        on_progress(Progress("indexing", done, total))
    return done
