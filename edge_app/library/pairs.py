"""Which files are one photo: a RAW file beside the JPEG or HEIC that the camera made with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from os.path import splitext

from edge_app.library.rules import RAW_SUFFIXES
from edge_app.library.scan import FoundFile

# A camera's own pictures, the commonest first: with both of them the RAW belongs to the JPEG.
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".heic", ".heif", ".hif")


def paired(files: list[FoundFile]) -> list[FoundFile]:
    """The same, a RAW file beside its picture as a part of that."""
    found = pairs(file.path for file in files)
    if not found:
        return files
    of = {file.path: file for file in files}
    parts = set(chain.from_iterable(found.values()))
    return [
        replace(file, raws=tuple(of[path] for path in found.get(file.path, ())))
        for file in files
        if file.path not in parts
    ]


def pairs(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The RAW files of each picture that has any: those of its name in its folder, by name."""
    raws = defaultdict(list)
    pictures: dict[str, tuple[int, str]] = {}
    for path in sorted(paths):
        start, suffix = splitext(path)
        folder, slash, name = start.rpartition("/")
        key, suffix = folder + slash + name.casefold(), suffix.lower()
        if suffix in RAW_SUFFIXES:
            raws[key].append(path)
        elif suffix in PICTURE_SUFFIXES:
            ranked = PICTURE_SUFFIXES.index(suffix), path
            pictures[key] = min(ranked, pictures.get(key, ranked))
    return {pictures[key][1]: tuple(found) for key, found in raws.items() if key in pictures}
