"""`duplicates --dismiss` and `--restore`: what the user says about groups of near-duplicates."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from edge_app.errors import NotFoundError
from edge_app.index.read.reader import Reader
from edge_app.library.sources import folders_of
from edge_app.search.alike.groups import Review


def change(reader: Reader, options: Namespace) -> str | None:
    """Do what the options say, and tell of it in one line; None if they say nothing."""
    review = Review(reader)
    if options.dismiss:
        count = review.dismiss(ids_of(reader, options.dismiss))
        told = {"dismissed": count}
        text = f"no longer shown as near-duplicates: {count} new {_pairs(count)}"
    elif options.restore:
        count = review.restore(ids_of(reader, options.restore))
        told = {"restored": count}
        text = f"shown as near-duplicates again: {count} {_pairs(count)}"
    else:
        return None
    return json.dumps(told) if options.json else text


def _pairs(count: int) -> str:
    return "pair" if count == 1 else "pairs"


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
