"""What state it is in: index, library, model, indexing, memory; gathered here, told by /api/status,
/metrics, /healthz and `info`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_app import memory
from edge_app.api.types import statusshapes
from edge_app.api.types.views import text_of
from edge_app.config import Config
from edge_app.errors import ModelError, StoreError
from edge_app.index.read.reader import Reader
from edge_app.indexing.process import Findings, IndexingStatus
from edge_app.indexing.watch import Watcher
from edge_app.library.source import Source
from edge_app.library.sources import parts_of
from edge_app.library.watching import SILENT
from edge_app.model.card import ModelCard, ModelIdentity, comparable
from edge_app.model.runtime import installed_runtime
from edge_app.search.vectors.products import kernel

if TYPE_CHECKING:  # brings asyncio and TLS, 5 MB
    from edge_app.cluster.machines import Machines

IDLE = IndexingStatus()


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index as of its last commit."""

    images: int
    rejected: int
    offline: int
    rows: int
    live_rows: int  # that a search can find
    vectors_bytes: int
    tiles: int  # of each image; 0 without
    generation: int
    revision: str  # another one after every commit
    identity: ModelIdentity | None  # of the model that it was built with

    @property
    def dead_rows(self) -> int:
        return self.rows - self.live_rows


@dataclass(frozen=True, slots=True)
class ModelState:
    """The model that answers and, until every photo is embedded with another, that one too."""

    answering: statusshapes.Model | None = None
    next: statusshapes.Model | None = None
    error: str | None = None  # why there is none

    @property
    def configured(self) -> statusshapes.Model | None:
        return self.next or self.answering


@dataclass(frozen=True, slots=True)
class State:
    """What is true now."""

    found: IndexState | StoreError  # the error says why the index can't be read
    index_bytes: int  # of the index folder
    sources: tuple[statusshapes.Source, ...]
    machines: tuple[statusshapes.Machine, ...]
    findings: Findings  # of the last index run
    model: ModelState
    indexing: statusshapes.Indexing
    kernel: str  # what computes products
    available_bytes: int
    resident_bytes: int

    @property
    def online(self) -> bool:
        """Whether any of the sources can be reached."""
        return any(source.online for source in self.sources)

    @property
    def index(self) -> IndexState:
        """StoreError if it can't be read."""
        if isinstance(self.found, StoreError):
            raise self.found
        return self.found


def state_of(
    config: Config,
    library: Source,
    reader: Reader,
    watcher: Watcher | None = None,
    machines: Machines | None = None,
) -> State:
    """All of it; what is wrong with the index or the model is part of the answer."""
    found: IndexState | StoreError
    identity = None
    try:
        found = index_state(reader)
        identity = found.identity
    except StoreError as error:
        found = error
    return State(
        found=found,
        index_bytes=_size_bytes(config.index),
        sources=tuple(_sources(config, library, watcher)),
        machines=tuple(_machines(machines, reader)) if machines else (),
        findings=watcher.findings if watcher else Findings(),
        model=model_state(config, identity),
        indexing=msgspec.convert(
            watcher.status if watcher else IDLE, statusshapes.Indexing, from_attributes=True
        ),
        kernel=kernel(),
        available_bytes=memory.available_bytes(),
        resident_bytes=memory.resident_bytes(),
    )


def _sources(
    config: Config, library: Source, watcher: Watcher | None
) -> Iterator[statusshapes.Source]:
    """Each with whether it can be reached: a folder as it is watched, others as the last run found
    out, or looked up now where that costs nothing."""
    for name, source in parts_of(library).items():
        watched = watcher.watched.get(name) if watcher else None
        message = watcher.status.offline.get(name) if watcher and not watched else None
        folder = f"the photo folder {text_of(source.label)}"
        online = watched.online if watched else message is None and source.online()
        if watched and not online:
            message = f"{folder} {watched.offline_because}"
        elif watched and watched.silent:
            message = f"{text_of(', '.join(watched.silent))} in {folder} {SILENT}"
        elif not online and message is None:
            message = f"{folder} can't be reached"
        yield statusshapes.Source(
            name=text_of(name or source.label),
            online=online,
            message=message,
            watching=watcher.mode(name) if watcher else "off",
            polled_because=watched.polled_because if watched else None,
            poll_s=watcher.poll_s(name) if watcher else config.limits.poll_s,
        )


def _machines(machines: Machines, reader: Reader) -> Iterator[statusshapes.Machine]:
    with suppress(StoreError):  # said elsewhere
        for one in machines.states(reader.snapshot()):
            yield statusshapes.Machine(
                name=text_of(one.name), state=one.state, searched=one.searched
            )


def library_shape(library: Source, config: Config, state: State) -> statusshapes.Library:
    """What the page is told of the whole; no path of this machine above it."""
    messages = [source.message for source in state.sources if source.message]
    found = state.findings
    return statusshapes.Library(
        name=text_of(library.label),
        online=state.online,
        message="; ".join(messages) or None,
        exclude=[text_of(glob) for glob in config.exclude],
        follow_links=config.follow_links,
        skipped=[
            statusshapes.Skipped(
                reason=one.reason,
                count=one.count,
                example=None if one.example is None else text_of(one.example),
            )
            for one in found.skipped
        ],
        away=[
            statusshapes.Away(folder=text_of(one.folder), images=one.images) for one in found.away
        ],
    )


def index_state(reader: Reader) -> IndexState:
    """What is in the index; StoreError if it can't be read."""
    revision = reader.version()  # before the rest: a page that sees it asks once more, not less
    snapshot, counts = reader.snapshot(), reader.counts()
    return IndexState(
        images=counts.images,
        rejected=counts.rejected,
        offline=counts.offline,
        rows=snapshot.rows,
        live_rows=int(snapshot.live.sum()),
        vectors_bytes=snapshot.vectors.nbytes,
        tiles=0 if snapshot.tiles is None else snapshot.tiles.shape[1],
        generation=snapshot.generation,
        revision=revision,
        identity=snapshot.identity,
    )


def model_state(config: Config, indexed: ModelIdentity | None) -> ModelState:
    """The models of these settings and of the index that answers; the two differ from the start
    with another model until all photos are embedded again."""
    try:
        card = ModelCard.load(config.model)
        runtime = installed_runtime(config.runtime)
    except ModelError as error:
        return ModelState(error=str(error))
    model = statusshapes.Model(
        name=card.name,
        dim=card.dim,
        weights=card.weights,
        runtime=runtime,
        words=card.labels is not None or card.text is not None,
        text=card.text is not None,
    )
    # Another runtime's int8 embeddings are not another model to a reader.
    if indexed is None or comparable(card.identity(indexed.runtime), indexed):
        return ModelState(model)
    # What else is known is on the card of the other.
    answering = statusshapes.Model(
        name=indexed.name, dim=indexed.dim, weights=None, runtime=runtime, words=False, text=False
    )
    return ModelState(answering, model)


def _size_bytes(folder: Path) -> int:
    size = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # a writer has just removed it
                size += entry.stat().st_size
    return size
