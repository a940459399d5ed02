"""What other programs watch the server by: /healthz for "is it well", /metrics for figures."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import bottle
from bottle import HTTPResponse, request

from edge_app import VERSION, memory
from edge_app.api import shapes
from edge_app.errors import ModelError, StoreError
from edge_app.guard.metrics import CONTENT_TYPE, Family, Histogram, counter, gauge, text_of
from edge_app.guard.traffic import ENVIRON, Traffic
from edge_app.indexing.process import IndexingStatus
from edge_app.indexing.watch import Watcher
from edge_app.model.card import ModelCard
from edge_app.model.runtime import installed_runtime
from edge_app.search.gallery import Gallery

HEALTH = "/healthz"
STARTED_S = time.time()
STATES = ("idle", "scanning", "indexing", "failed")


def add_routes(app: bottle.Bottle, gallery: Gallery, watcher: Watcher, searched: Histogram) -> None:
    """Both routes; the second is as private as the photos."""

    @app.get(HEALTH)
    def health() -> shapes.Health:
        # Anyone may ask this, so a failure says that there is one and nothing of where or why.
        try:
            gallery.reader.version()
        except StoreError:
            raise StoreError("the index can't be read; the server's log says why") from None
        return shapes.Health()

    @app.get("/metrics")
    def metrics() -> HTTPResponse:
        traffic: Traffic | None = request.environ.get(ENVIRON)
        families = [
            *_about(gallery),
            *_index(gallery),
            *_indexing(watcher.status),
            searched.family(),
            *(traffic.families() if traffic else ()),
            *_process(),
        ]
        return HTTPResponse(text_of(families), headers={"Content-Type": CONTENT_TYPE})


def _about(gallery: Gallery) -> Iterator[Family]:
    labels = {"version": VERSION}
    with suppress(ModelError):
        labels |= {"model": ModelCard.load(gallery.config.model).name}
        labels |= {"runtime": installed_runtime(gallery.config.runtime)}
    yield gauge("lookalike_build_info", "What runs here; the value says nothing.", 1, **labels)


def _index(gallery: Gallery) -> Iterator[Family]:
    try:
        counts, snapshot = gallery.reader.counts(), gallery.reader.snapshot()
    except StoreError:
        yield gauge("lookalike_index_readable", "1 if the index can be read.", 0)
        return
    live = int(snapshot.live.sum())
    yield gauge("lookalike_index_readable", "1 if the index can be read.", 1)
    yield gauge("lookalike_index_images", "Images in the index.", counts.images)
    yield gauge("lookalike_index_rejected_files", "Files that can't be used.", counts.rejected)
    yield gauge("lookalike_index_offline_images", "Images out of reach at present.", counts.offline)
    yield gauge("lookalike_index_live_rows", "Rows that a search can find.", live)
    yield gauge("lookalike_index_dead_rows", "Rows until compaction.", snapshot.rows - live)
    yield gauge(
        "lookalike_index_size_bytes",
        "Bytes of the index folder.",
        _size_bytes(gallery.config.index),
    )
    yield gauge(
        "lookalike_library_online", "1 if the library root can be reached.", int(gallery.online)
    )


def _size_bytes(folder: Path) -> int:
    size = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # a writer has just removed it
                size += entry.stat().st_size
    return size


def _indexing(status: IndexingStatus) -> Iterator[Family]:
    states = tuple(("", (("state", state),), float(status.state == state)) for state in STATES)
    yield Family("lookalike_indexing_state", "gauge", "1 for the state indexing is in.", states)
    yield gauge("lookalike_indexing_files", "Files of this run to be read.", status.total)
    yield gauge("lookalike_indexing_done_files", "Those of them that are done.", status.done)


def _process() -> Iterator[Family]:
    yield gauge(
        "lookalike_memory_available_bytes",
        "Memory that can be had without swapping, cgroup limits counted in.",
        memory.available_bytes(),
    )
    # Named as every Prometheus client library names them.
    yield gauge("process_resident_memory_bytes", "Resident memory size.", memory.resident_bytes())
    yield counter(
        "process_cpu_seconds_total", "User and system processor time.", time.process_time()
    )
    yield gauge("process_open_fds", "Open file descriptors.", len(os.listdir("/proc/self/fd")))
    yield gauge("process_start_time_seconds", "Start of the process, since 1970.", STARTED_S)
