"""Tells the index of this library from that of another, by its photos."""

from __future__ import annotations

import os
from pathlib import Path

from edge_app.errors import EdgeAppError, StoreError
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.records import join_path
from edge_app.library.places import roots_in
from edge_app.library.source import Source, fingerprint_at

_SAMPLE_FILES = 64  # looked up to recognise a library that has been moved ...


_SAMPLE_CONTENTS = 8  # ... and of those so many are read


def recognise(index: Path, catalog: Catalog, library: Source) -> None:
    """Refuse the index of another library; accept the same one at another place, or on another
    machine, where times may differ.

    StoreError says what differs and which option to change.
    """
    root, indexed = library.root, os.fsdecode(catalog.state().root)
    if set(roots_in(root).values()) & set(roots_in(indexed).values()):
        return  # a source more or less, or under another name: the rest tells whose it is
    root, indexed = root.replace("\0", ", "), indexed.replace("\0", ", ")
    sample = _sample(catalog, _SAMPLE_FILES)
    there = [(path, content) for path, size, content in sample if _has_size(library, path, size)]
    settled = "choose another folder with --index, or delete this one"
    if len(there) * 2 < len(sample):
        raise StoreError(
            f"{index} is the index of another photo folder, {indexed}: of "
            f"{len(sample)} indexed files looked up in {root}, {len(there)} are the same; "
            f"{settled}"
        )
    read = there[:: max(1, len(there) // _SAMPLE_CONTENTS)]
    equal = sum(_has_content(library, path, content) for path, content in read)
    if equal * 2 < len(read):
        raise StoreError(
            f"{index} is the index of another photo folder, {indexed}: files "
            f"in {root} have the same names and sizes, but of {len(read)} that were read, "
            f"{equal} have the same content; {settled}"
        )


def _has_size(library: Source, path: str, size_bytes: int) -> bool:
    try:
        with library.open(path) as original:
            return original.size_bytes == size_bytes
    except EdgeAppError:
        return False


def _has_content(library: Source, path: str, content: bytes) -> bool:
    try:
        return fingerprint_at(library, path) == content
    except EdgeAppError:
        return False


def _sample(catalog: Catalog, count: int) -> list[tuple[str, int, bytes]]:
    """Path, size in bytes and fingerprint of about `count` images, spread over the index."""
    step = max(1, catalog.value("SELECT count(*) FROM images") // count)
    rows = catalog.connection.execute(
        """SELECT folder, name, size_bytes, content
           FROM images JOIN folders ON folders.id = folder_id
           WHERE images.id % ? = 0 LIMIT ?""",
        (step, count),
    )
    return [(join_path(folder, name), size, content) for folder, name, size, content in rows]
