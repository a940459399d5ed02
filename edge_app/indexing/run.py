"""One whole index run: the model, the writer and the decoders, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_app.config import Config
from edge_app.errors import UsageError
from edge_app.index.write.batch import BATCH_IMAGES
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer
from edge_app.indexing.patterns import fill_patterns
from edge_app.indexing.plan import IndexReport, Progress, offline_told
from edge_app.indexing.stages import Machines
from edge_app.indexing.takeover import take_over
from edge_app.library.places import where
from edge_app.library.source import Source
from edge_app.library.sources import library_of
from edge_app.memory import default_workers
from edge_app.model.card import ModelIdentity
from edge_app.model.embed import Embedder
from edge_app.photos.children.pool import DECODERS, DecodePool
from edge_app.photos.regions import TILES


def run_index(
    config: Config,
    *,
    prune: bool = False,
    retry: bool = False,
    donor: Path | None = None,
    on_progress: Callable[[Progress], object] = lambda progress: None,
    over: Callable[[Source, ModelIdentity, DecodePool], Machines] | None = None,
) -> IndexReport:
    """Bring the index up to date with the library; see `indexer.index`.

    over: opens machines that read the files in this one's place, such as `cluster.pool.opener`.
    donor: another index, from which rows of photos with the same content are taken over first.
    Raises LibraryError, ModelError, StoreError and UsageError before anything is written.
    """
    library, limits = library_of(config), config.limits
    with offline_told(on_progress):
        library.check()
    refuse_index_inside_library(config)
    embedder = Embedder.of(config)
    workers = config.workers or default_workers(limits)
    size_px, decoder = embedder.card.input_size_px, DECODERS[embedder.card.preprocess]
    tiles = len(TILES) if config.tiles else 0
    with (
        Writer(config.index, library, embedder.identity, tiles) as writer,
        DecodePool(size_px, limits, workers, nice=0, decoder=decoder) as pool,  # nice as we are
    ):
        imported = 0
        if donor is not None:
            imported = take_over(donor, library, writer, BATCH_IMAGES, on_progress)
        machines = over(library, embedder.identity, pool) if over else None
        report = indexer.index(
            library, writer, machines or pool, embedder, limits,
            machines=machines.counts if machines else dict,
            prune=prune, retry=retry, on_progress=on_progress,
        )  # fmt: skip
        report.imported = imported
        fill_patterns(writer, pool, on_progress)
    return report


def refuse_index_inside_library(config: Config) -> None:
    """UsageError where the index would lie among the photos."""
    if library_of(config).holds(config.index):
        raise UsageError(
            f"the index folder {config.index} is inside the photo folder "
            f"{where(config)}, which is never written to; choose another folder with "
            "--index"
        )
