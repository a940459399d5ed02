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
_SAMPLE_CONTENTS = 8  # ... of which this many are read


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
    advice = "choose another folder with --index, or delete this one"
    if len(there) * 2 < len(sample):
        raise StoreError(
            f"{index} is the index of another photo folder, {indexed}: of "
            f"{len(sample)} indexed files looked up in {root}, {len(there)} are the same; "
            f"{advice}"
        )
    read = there[:: max(1, len(there) // _SAMPLE_CONTENTS)]
    equal = sum(_has_content(library, path, content) for path, content in read)
    if equal * 2 < len(read):
        raise StoreError(
            f"{index} is the index of another photo folder, {indexed}: files "
            f"in {root} have the same names and sizes, but of {len(read)} that were read, "
            f"{equal} have the same content; {advice}"
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


def sample_paths(catalog: Catalog, folder: str, count: int) -> list[str]:
    """Paths of about `count` images below a folder, "" for all, spread over it: of those that are
    not offline, if there are any."""
    name = os.fsencode(folder)
    folders = catalog.connection.execute(
        # "0" is the character behind "/".
        """SELECT id, folder FROM folders
           WHERE ?1 = x'' OR folder = ?1 OR folder > ?2 AND folder < ?3""",
        (name, name + b"/", name + b"0"),
    ).fetchall()
    few = folders[:: len(folders) // (8 * count) + 1]  # some may hold no image any more
    each = -(-count // max(1, len(few)))
    for wanted in ("NOT offline", "TRUE"):
        found: list[str] = []
        for id, path in few:
            rows = catalog.connection.execute(
                f"SELECT name FROM images WHERE folder_id = ? AND {wanted} LIMIT ?", (id, each)
            )
            found += [join_path(path, name) for (name,) in rows]
            if len(found) >= count:
                break
        if found:
            return found
    return []
