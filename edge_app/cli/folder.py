"""`lookalike FOLDER`: the command, index folder and model that are meant where none is named."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_app.answering import answers
from edge_app.cli.parser import commands_of, meant, options_of
from edge_app.config import Config, Place
from edge_app.errors import StoreError
from edge_app.index.read.reader import Reader
from edge_app.library.places import arguments, is_url, settings
from edge_app.model.find import find_model
from edge_app.userfolders import index_of, indexes_folder, pictures_folder


def words_of(parser: argparse.ArgumentParser, words: Sequence[str]) -> Sequence[str]:
    """The arguments with a command: a folder is served, with an index of its own. The parser ends
    the program where the first word is neither."""
    if not words:
        pictures = pictures_folder()
        parser.error(f"name a folder with photos: lookalike {pictures or 'FOLDER'}")
    first, *rest = words
    if not first:
        parser.error("the name of the folder is empty")
    commands, own_options = commands_of(parser), ("-h", "--help", "--version")
    if first in commands or any(option.startswith(first) for option in own_options):
        return words
    if first.startswith("-"):
        option = first.partition("=")[0]
        if not any(option in options_of(command) for command in commands.values()):
            parser.error(f"there is no option {first}" + meant(first, own_options))
        parser.error(f"{first} comes after a folder or a command: lookalike FOLDER {first}")
    if answers(first) and not os.path.isdir(first):
        if os.path.exists(first):
            parser.error(f"{first} is not a folder; to search with it: lookalike search {first}")
        parser.error(_no_folder(first, list(commands)))
    own = any(word.partition("=")[0] == "--index" for word in rest)
    index = () if own else ("--index", str(index_of(Path(first))))
    return ["serve", "--gallery", os.path.abspath(first) if "=" in first else first, *index, *rest]


def _no_folder(first: str, commands: Sequence[str]) -> str:
    """What is wrong with a first word that is not there, and what was probably meant."""
    if is_url(first):
        return f"name a URL with --gallery: lookalike serve --gallery {shlex.quote(first)}"
    parent, name = os.path.split(first.rstrip("/"))
    folders = []
    with suppress(OSError), os.scandir(parent or ".") as entries:
        folders = [entry.name for entry in entries if entry.is_dir()]
    if parent:
        return f"{first} does not exist" + meant(name, folders)
    alike = meant(first, [*commands, "--help", "--version", *folders])
    return f"{first} is neither a folder nor a command" + (alike or f": {', '.join(commands)}")


def served(named: Sequence[Place], index: Path | None, *, needed: bool) -> dict[str, Any]:
    """Settings that lead to what `lookalike FOLDER` has indexed, where the working folder has no
    index: that of the photo folder that is named, or if none is, the only one. StoreError says
    how to begin where there is none and it is needed. An index that is named tells its photos."""
    if index is not None:
        is_told = not named and not os.path.exists(Config().gallery)
        return _settings_of(_roots_of(index)) if is_told else {}
    if os.path.exists(Config().index):
        return {}
    if named:
        (first, *others) = named
        if others or is_url(first.root):
            return {}
        index = index_of(Path(first.root))
        if needed and not os.path.exists(index):
            raise StoreError(_to_index(first.root))
        return {"index": index} if os.path.exists(index) else {}
    found = served_roots()
    if len(found) == 1:
        ((index, roots),) = found.items()
        return {"index": index} | _settings_of(roots)
    if needed and (begin := to_begin()):
        raise StoreError(begin)
    return {}


def to_index(config: Config) -> str | None:
    """How to make the index of the one folder that is named, where no index folder is."""
    (first, *others) = config.places
    is_named = config.index == Config().index and first != Config().places[0]
    return _to_index(first.root) if is_named and not others and not is_url(first.root) else None


def _to_index(folder: str) -> str:
    return (
        f"no index of {folder} yet; make one with: lookalike {shlex.quote(folder)}, or name the "
        "index folder with --index"
    )


def to_begin() -> str | None:
    """What to do for an index, where none is named and it can't be told which; None in a folder
    that has photos where a checkout has them."""
    found = served_roots()
    if len(found) > 1:
        names = [
            f"--index {shlex.quote(str(folder))} ({', '.join(roots.values()) or 'empty'})"
            for folder, roots in found.items()
        ]
        return f"there are {len(found)} libraries; name one of them: {', '.join(names)}"
    if os.path.exists(Config().gallery):
        return None
    folder = shlex.quote(str(pictures_folder() or "FOLDER"))
    return f"no photos are indexed yet; begin with: lookalike {folder}"


def served_roots() -> dict[Path, dict[str, str]]:
    """The index folders that `lookalike FOLDER` made, each with the sources it is of; without any
    where it can't be read. Those that have no photos, as of a folder that was named by mistake,
    count only where no other does."""
    folders = sorted(indexes_folder().glob("*"))
    with_photos = [folder for folder in folders if _has_photos(folder)]
    return {folder: _roots_of(folder) for folder in with_photos or folders}


def to_type(config: Config, name: str, *options: str) -> str:
    """The command that does this with the library of these settings."""
    words = ["lookalike", name, *options]
    if config.index != Config().index:
        words += ["--index", str(config.index)]
    if name != "index":
        return shlex.join(words)
    if config.places != Config().places:
        words += arguments(config)
    elif not os.path.exists(config.gallery):
        words += ["--gallery", "FOLDER"]
    return shlex.join(words)


def all_served(config: Config, *, models: bool) -> list[Config]:
    """These settings for each library that `lookalike FOLDER` has indexed, where there are several.

    models: choose the model of each.
    """
    found = served_roots()
    if len(found) < 2:
        return [config]
    each = [replace(config, index=index, **_settings_of(roots)) for index, roots in found.items()]
    return [replace(one, model=model_for(one.index)) for one in each] if models else each


def _has_photos(index: Path) -> bool:
    with suppress(StoreError), Reader(index) as reader:
        counts = reader.counts()
        return counts.images + counts.rejected > 0
    return True  # or had: it is damaged, or of a newer version


def _roots_of(index: Path) -> dict[str, str]:
    with suppress(StoreError), Reader(index) as reader:
        return reader.roots()
    return {}


def _settings_of(roots: dict[str, str]) -> dict[str, Any]:
    return settings([Place(*item) for item in roots.items()])


def model_for(index: Path) -> Path:
    """The model to use with this index; damage of the index is said where it is read."""
    sha256 = None
    with suppress(StoreError), Reader(index) as reader:
        sha256 = reader.model_sha256()
    return find_model(sha256)
