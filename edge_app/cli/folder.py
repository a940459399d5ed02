"""`lookalike FOLDER`: the command, index folder and model that are meant where none is named."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_app.config import Config, Place
from edge_app.errors import StoreError
from edge_app.index.read.reader import Reader
from edge_app.library.places import is_url, settings
from edge_app.model.find import find_model
from edge_app.places import answers, index_of, indexes_folder, pictures_folder


def words_of(parser: argparse.ArgumentParser, words: Sequence[str]) -> Sequence[str]:
    """The arguments with a command: a folder is served, with an index of its own. The parser ends
    the program where the first word is neither."""
    if not words:
        pictures = pictures_folder()
        parser.error(f"name a folder with photos: lookalike {pictures or 'FOLDER'}")
    first, *rest = words
    if first.startswith("-") or first in commands_of(parser):
        return words
    if answers(first) and not Path(first).is_dir():
        parser.error(
            f"{first} is neither a folder nor a command ({', '.join(commands_of(parser))})"
        )
    own = any(word.partition("=")[0] == "--index" for word in rest)
    index = () if own else ("--index", str(index_of(Path(first))))
    return ["serve", "--gallery", os.path.abspath(first) if "=" in first else first, *index, *rest]


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, in their order."""
    (commands,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(commands.choices)


def served(named: Sequence[Place]) -> dict[str, Any]:
    """Settings that lead to what `lookalike FOLDER` has indexed, where the working folder has no
    index: that of the photo folder that is named, or if none is, the only one."""
    if Config().index.exists():
        return {}
    if named:
        (first, *others) = named
        index = index_of(Path(first.root))
        return {"index": index} if not others and not is_url(first.root) and index.exists() else {}
    found = list(indexes_folder().glob("*"))
    if len(found) != 1:
        return {}
    roots: dict[str, str] = {}
    with suppress(StoreError), Reader(found[0]) as reader:
        roots = reader.roots()
    return {"index": found[0]} | settings([Place(*item) for item in roots.items()])


def model_for(index: Path) -> Path:
    """The model to use with this index; damage of the index is said where it is read."""
    sha256 = None
    with suppress(StoreError), Reader(index) as reader:
        sha256 = reader.model_sha256()
    return find_model(sha256)
