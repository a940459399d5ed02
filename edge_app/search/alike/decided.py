"""What a person decided about duplicates: which are marked to be moved away, which are none."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from edge_app.index.format.records import ImageRecord, twin_of
from edge_app.index.read.reader import Reader
from edge_app.index.write.decided import MARKED, Record
from edge_app.index.write.dismissed import read_dismissed

AWAY = "lookalike-moved"  # the folder that a script of moves fills


class Decided:
    """The decisions kept beside one index. Safe to use from several threads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def mark(self, ids: Iterable[int]) -> int:
        """Put these images on the list of those to move away; how many are new on it."""
        return MARKED.add(self._reader.index, self._records(ids))

    def unmark(self, ids: Iterable[int]) -> int:
        """Take these images off the list; how many were on it."""
        return MARKED.undo(self._reader.index, self._records(ids))

    def marked(self) -> list[ImageRecord]:
        """The images on the list that the index still has, by path. A file that was moved since is
        found by its content, where no other has the same."""
        records = MARKED.read(self._reader.index)
        by_content = self._images({content for content, _ in records})
        found: dict[int, ImageRecord] = {}
        for content, path in records:
            images = by_content[content]
            named = [image for image in images if os.fsencode(image.path) == path]
            for image in named or (images if len(images) == 1 else []):
                found[image.id] = image
        return sorted(found.values(), key=lambda image: image.path)

    def dismissed(self) -> list[list[ImageRecord]]:
        """Images that were said to be no duplicates of one another, as groups."""
        pairs = read_dismissed(self._reader.index)
        by_content = self._images(set(itertools.chain.from_iterable(pairs)))
        joined: dict[bytes, set[bytes]] = {}
        for one, other in pairs:
            group = joined.get(one, {one}) | joined.get(other, {other})
            joined.update(dict.fromkeys(group, group))
        groups = {id(group): group for group in joined.values()}.values()
        listed = [[i for content in group for i in by_content[content]] for group in groups]
        for images in listed:
            images.sort(key=lambda image: image.path)
        return sorted((g for g in listed if len(g) > 1), key=lambda group: group[0].path)

    def _records(self, ids: Iterable[int]) -> list[Record]:
        images = [self._reader.image(int(id)) for id in ids]
        return [(image.content, os.fsencode(image.path)) for image in images]

    def _images(self, contents: set[bytes]) -> defaultdict[bytes, list[ImageRecord]]:
        """The images of the index with these contents, by content."""
        found: defaultdict[bytes, list[ImageRecord]] = defaultdict(list)
        if not contents:
            return found
        snapshot = self._reader.snapshot()
        twins = np.array(list(map(twin_of, contents)), np.uint64)
        rows = np.flatnonzero(np.isin(snapshot.twin, twins) & snapshot.live)
        for image in self._reader.images(map(int, snapshot.ids[rows])):
            if image.content in contents:
                found[image.content].append(image)
        return found


def script_of_moves(paths: Iterable[str]) -> Iterator[bytes]:
    """A POSIX shell script, line by line, that moves these files into a folder beside them all. It
    overwrites nothing and deletes nothing; whatever a file is called stays a name."""
    yield b"#!/bin/sh\n"
    yield (
        b"# Run this in the photo folder. It moves files into " + AWAY.encode() + b"/ and deletes\n"
    )
    yield b"# nothing. A file that is there already is left where it is.\n"
    yield b"set -eu\n"
    for path in map(os.fsencode, paths):
        target = AWAY.encode() + b"/" + path
        yield b"mkdir -p -- %s\n" % quoted(os.path.dirname(target))
        yield b"mv -n -- %s %s\n" % (quoted(b"./" + path), quoted(target))


def quoted(text: bytes) -> bytes:
    """As one word of a shell, whatever is in it."""
    return b"'" + text.replace(b"'", b"'\\''") + b"'"
