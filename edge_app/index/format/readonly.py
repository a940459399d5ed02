"""Opens a catalogue for reading wherever it lies, read-only media included."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path

from edge_app.config import MiB
from edge_app.errors import StoreError
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.schema import CATALOG

_COPY_BYTES = 256 * MiB  # of catalogue, at most, copied off read-only media: a million images


def open_for_reading(index: Path) -> Catalog:
    """The catalogue of `index`, last commit included; sqlite3.Error if it can't be read.

    On read-only media the result is frozen: a reader that continues compares `signature`.
    """
    path = index / CATALOG
    try:
        return Catalog.connect(path, "mode=ro")
    except sqlite3.OperationalError:
        if os.access(index, os.W_OK):
            raise
        catalog = _open_on_readonly_media(path)
        catalog.frozen = True
        return catalog


def signature(index: Path) -> tuple[object, ...]:
    """Another value when a catalogue, or its log, has been written since."""
    found: list[object] = []
    for name in (CATALOG, f"{CATALOG}-wal"):
        with suppress(FileNotFoundError):
            status = (index / name).stat()
            found += [name, status.st_mtime_ns, status.st_size]
    return tuple(found)


def _open_on_readonly_media(path: Path) -> Catalog:
    """SQLite reads a write-ahead log through a shared memory file, which it can't make there."""
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or log.stat().st_size == 0:
        return Catalog.connect(path, "immutable=1")  # complete without a log, and can't change
    # "immutable" would pass over the log, and with it the last commits; a copy can be opened.
    size_bytes = path.stat().st_size + log.stat().st_size
    if size_bytes > _COPY_BYTES:
        raise StoreError(
            f"{log} has {size_bytes // MiB} MiB; from read-only media at most "
            f"{_COPY_BYTES // MiB} MiB can be read. Run `lookalike index` once where the "
            "folder can be written: it empties this file"
        )
    folder = tempfile.TemporaryDirectory(prefix="edge_app-")
    for file in (path, log):
        shutil.copyfile(file, Path(folder.name, file.name))
    catalog = Catalog.connect(Path(folder.name, CATALOG), "mode=ro")
    catalog.on_close = folder.cleanup
    return catalog
