"""`duplicates --dismiss`, `--mark` and the like: what the user decided about duplicates."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge_app.api.types.views import as_json, image_of
from edge_app.errors import NotFoundError, printable
from edge_app.index.format.records import ImageRecord
from edge_app.index.read.reader import Reader
from edge_app.library.sources import folders_of
from edge_app.search.alike.decided import Decided, script_of_moves
from edge_app.search.alike.groups import Review


def decide(reader: Reader, options: Namespace) -> bool:
    """Do what the options say, and tell of it; False if they say nothing."""
    decided = Decided(reader)
    if options.marked:
        _list(decided.marked(), options)
        return True
    for names, change, key, about in (
        (options.dismiss, Review(reader).dismiss, "dismissed", "no longer shown as duplicates"),
        (options.restore, Review(reader).restore, "restored", "shown as duplicates again"),
        (options.mark, decided.mark, "marked", "marked to be moved away"),
        (options.unmark, decided.unmark, "unmarked", "no longer marked"),
    ):
        if names:
            count = change(ids_of(reader, names))
            what = "pair" if key in ("dismissed", "restored") else "image"
            text = f"{about}: {count} {what}{'' if count == 1 else 's'}"
            print(json.dumps({key: count}) if options.json else text)
            return True
    return False


def _list(images: Sequence[ImageRecord], options: Namespace) -> None:
    """What is marked: for programs each byte of a path as it is, for a terminal none it obeys."""
    if options.json:
        items = [as_json(image_of(image)) for image in images]
        print(json.dumps({"items": items, "bytes": sum(image.size_bytes for image in images)}))
    elif options.marked == "script":
        _write(script_of_moves(file for image in images for file in image.files))
    elif sys.stdout.isatty():
        for image in images:
            print(printable(image.path))
    else:
        _write(os.fsencode(image.path) + b"\n" for image in images)


def _write(lines: Iterable[bytes]) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.writelines(lines)
    sys.stdout.buffer.flush()


def ids_of(reader: Reader, names: Sequence[str]) -> list[int]:
    """The images of files, or of paths of the index; NotFoundError names the first that is none."""
    library = folders_of(reader.roots())
    ids = []
    for name in names:
        inside = library.path_of(Path(name))
        image = (inside and reader.image_at(inside)) or reader.image_at(name)
        if not image:
            raise NotFoundError(f"{name} is neither an indexed file nor the path of an image")
        ids.append(image.id)
    return list(dict.fromkeys(ids))
