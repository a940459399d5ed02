"""What other programs watch the server by: /healthz for "is it well", /metrics for figures."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import get_args

import bottle
from bottle import HTTPResponse, request

from edge_app import VERSION
from edge_app.api.state import State, index_state
from edge_app.api.types import shapes, statusshapes
from edge_app.errors import StoreError
from edge_app.guard.metrics import (
    CONTENT_TYPE,
    Family,
    Histogram,
    counter,
    exposition,
    gauge,
    labelled,
)
from edge_app.guard.traffic import ENVIRON, Traffic
from edge_app.search.gallery import Gallery

HEALTH = "/healthz"
STARTED_S = time.time()


def add_routes(
    app: bottle.Bottle, gallery: Gallery, state: Callable[[], State], searched: Histogram
) -> None:
    """Both routes; the second is as private as the photos."""

    @app.get(HEALTH)
    def health() -> statusshapes.Health:
        # Anyone may ask this, so a failure says that there is one and nothing of where or why.
        try:
            index_state(gallery.reader)
        except StoreError:
            raise StoreError("the index can't be read; the server's log says why") from None
        return statusshapes.Health()

    @app.get("/metrics")
    def metrics() -> HTTPResponse:
        traffic: Traffic | None = request.environ.get(ENVIRON)
        now = state()
        families = [
            _about(now.model.configured),
            *_index(now),
            *_indexing(now.indexing),
            *_machines(now.machines),
            searched.family(),
            *(traffic.families() if traffic else ()),
            *_process(now),
            _text_tower(gallery.loaded.text_bytes),
        ]
        return HTTPResponse(exposition(families), headers={"Content-Type": CONTENT_TYPE})


def _about(model: statusshapes.Model | None) -> Family:
    labels = {"version": VERSION}
    if model:
        labels |= {"model": model.name, "runtime": model.runtime}
    return gauge(
        "lookalike_build_info", "Versions and model in use; the value is always 1.", 1, **labels
    )


def _index(state: State) -> Iterator[Family]:
    readable = not isinstance(state.found, StoreError)
    yield gauge("lookalike_index_readable", "1 if the index can be read.", int(readable))
    if not readable:
        return
    index = state.index
    yield gauge("lookalike_index_images", "Images in the index.", index.images)
    yield gauge("lookalike_index_rejected_files", "Files that can't be used.", index.rejected)
    yield gauge(
        "lookalike_index_offline_images", "Images whose files can't be reached now.", index.offline
    )
    yield gauge("lookalike_index_live_rows", "Rows that a search can find.", index.live_rows)
    yield gauge(
        "lookalike_index_dead_rows",
        "Rows of removed images, until the index is compacted.",
        index.dead_rows,
    )
    yield gauge("lookalike_index_size_bytes", "Bytes of the index folder.", state.index_bytes)
    yield gauge("lookalike_library_online", "1 if any source can be reached.", int(state.online))
    yield labelled(
        "lookalike_source_online", "gauge", "1 if this source can be reached.",
        "source", ((s.name, s.online) for s in state.sources),
    )  # fmt: skip
    yield labelled(
        "lookalike_source_events", "gauge", "1 if changes of this source show at once.",
        "source", ((s.name, s.watching == "events") for s in state.sources),
    )  # fmt: skip


def _indexing(status: statusshapes.Indexing) -> Iterator[Family]:
    yield labelled(
        "lookalike_indexing_state", "gauge", "1 for the current state of indexing.",
        "state", ((state, status.state == state) for state in get_args(shapes.Doing)),
    )  # fmt: skip
    yield gauge("lookalike_indexing_files", "Files to read in this run.", status.total)
    yield gauge("lookalike_indexing_done_files", "Files of this run that are done.", status.done)
    if status.machines:
        yield labelled(
            "lookalike_machine_done_files", "gauge", "Files that it has done in this run.",
            "machine", status.machines.items(),
        )  # fmt: skip


def _machines(machines: Sequence[statusshapes.Machine]) -> Iterator[Family]:
    if not machines:
        return
    yield labelled(
        "lookalike_machine_ready", "gauge", "1 if this machine searches the newest commit.",
        "machine", ((m.name, m.state == "ready") for m in machines),
    )  # fmt: skip
    yield labelled(
        "lookalike_machine_ranges_total", "counter", "Ranges that it has searched.",
        "machine", ((m.name, m.searched) for m in machines),
    )  # fmt: skip


def _text_tower(resident_bytes: int) -> Family:
    return gauge(
        "lookalike_text_tower_bytes",
        "By how much loading the text tower made the process grow; 0 while it is not loaded.",
        resident_bytes,
    )


def _process(state: State) -> Iterator[Family]:
    yield gauge(
        "lookalike_memory_available_bytes",
        "Memory available without swapping, within the limit of the cgroup.",
        state.available_bytes,
    )
    # Named as every Prometheus client library names them.
    yield gauge("process_resident_memory_bytes", "Resident memory size.", state.resident_bytes)
    yield counter(
        "process_cpu_seconds_total", "User and system processor time.", time.process_time()
    )
    yield gauge("process_open_fds", "Open file descriptors.", len(os.listdir("/proc/self/fd")))
    yield gauge(
        "process_start_time_seconds", "Start time of the process in seconds since 1970.", STARTED_S
    )
