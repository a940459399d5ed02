"""What runs here and in what state it is: runtime, model, index, memory, and what to fix."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy
import PIL

from edge_app import VERSION, memory
from edge_app.config import Config, MiB
from edge_app.errors import EdgeAppError, NoIndexError, StoreError
from edge_app.index.read.reader import Reader
from edge_app.index.write.upgrade import bring_up_to_date
from edge_app.memory import default_workers
from edge_app.model.card import comparable
from edge_app.model.describe import describe_model
from edge_app.search.products import kernel


def describe(config: Config) -> dict[str, Any]:
    """Facts by group; `to fix` is a list of lines, each naming the setting or command."""
    with suppress(StoreError):  # said below
        bring_up_to_date(config.index)
    available_bytes = memory.available_bytes()
    program: dict[str, Any] = {
        "version": VERSION,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,
        "decoding processes": config.workers or default_workers(config.limits),
    }
    found = describe_model(config)
    problems, identity = found.problems, None
    if found.embedder:
        identity = found.embedder.identity
        program["runtime"] = found.embedder.runtime
        program["inference threads"] = found.embedder.threads
    index: dict[str, Any] = {"folder": str(config.index)}
    try:
        with Reader(config.index) as reader:
            snapshot = reader.snapshot()
            counts = reader.counts()
            rejections = reader.rejections()
        index |= {
            "generation": snapshot.generation,
            "images": counts.images,
            "rejected": counts.rejected,
            "offline": counts.offline,
            "rows": snapshot.rows,
            "dead rows": snapshot.rows - int(snapshot.live.sum()),
            "vectors MiB": round(snapshot.vectors.nbytes / MiB, 1),
            "tiles": 0 if snapshot.tiles is None else snapshot.tiles.shape[1],
            "search kernel": kernel(),
        }
        problems += [
            f"{group.count} {group.reason}: {group.advice}" for group in rejections if group.advice
        ]
        if snapshot.identity is None:
            problems.append(str(NoIndexError(config.index, config.gallery)))
        elif identity and not comparable(identity, snapshot.identity):
            problems.append(
                f"the index {config.index} was built with another model "
                f"({snapshot.identity.name}); the next `index` run embeds every photo again"
            )
    except EdgeAppError as error:
        problems.append(str(error))
    problems += _library_problems(config)
    return {
        "program": program,
        "model": found.facts,
        "index": index,
        "memory": {"available MiB": available_bytes // MiB},
        "to fix": problems,
    }


def _library_problems(config: Config) -> Iterator[str]:
    if not config.gallery.is_dir():
        yield (
            f"the photo folder {config.gallery} was not found; mount it, or choose another with "
            "--gallery"
        )
