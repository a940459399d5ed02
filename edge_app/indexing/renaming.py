"""Gives the photos of a source that has a new name their new paths, without reading any."""

from __future__ import annotations

from dataclasses import replace

from edge_app.index.format.records import Known
from edge_app.index.write.batch import Batch, Moved
from edge_app.index.write.writer import Writer
from edge_app.library.places import renamed


def rename_sources(writer: Writer) -> None:
    """All together or, after a kill, not at all. A library of one folder gets its first name this
    way."""
    renames = writer.renames
    if not renames:
        return
    batch = Batch()
    for path, old in writer.known().items():
        new = renamed(path, renames)
        if new != path:
            batch.moved.append(
                Moved(
                    old.id,
                    new,
                    old.size_bytes,
                    old.mtime_ns,
                    old.version,
                    _mount(old, renames),
                    old.raws,
                )
            )
            if old.offline:
                batch.offline.append(old.id)
    for path, record in writer.rejected().items():
        new = renamed(path, renames)
        if new != path:
            batch.forgotten.append(path)
            batch.rejected.append(replace(record, path=new))
    writer.adopt(batch)


def _mount(old: Known, renames: dict[str, str]) -> str:
    """As the scan of the library will tell it."""
    return renamed(f"{old.mount}/" if old.mount else "", renames).removesuffix("/")
