"""What was probably meant, where a name is none."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from edge_app.api.types.requests import Filters
from edge_app.cli.parser import commands_of, meant, options_of
from edge_app.errors import UsageError
from edge_app.index.read.reader import Reader
from edge_app.userfolders import index_of

NAMED = 10  # folders or formats in one message


def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """The options; the program ends where one is unknown, with the options that are like it."""
    options, unknown = parser.parse_known_args(words)
    if unknown:
        _refuse(parser, words, unknown)
    return options


def _refuse(parser: argparse.ArgumentParser, words: Sequence[str], unknown: list[str]) -> NoReturn:
    commands = commands_of(parser)
    command = commands[words[0]]
    said = f"unrecognized arguments: {' '.join(unknown)}"
    known = options_of(command)
    wrong = next((word.partition("=")[0] for word in unknown if word.startswith("-")), "")
    takers = [name for name, other in commands.items() if wrong in options_of(other)]
    if takers:
        command.error(f"{said}; {wrong} is an option of {', '.join(takers)}")
    if folder := next(filter(os.path.isdir, unknown), None):
        index = index_of(Path(folder))
        if "--gallery" in known:
            said += "; name a photo folder with --gallery, or several: --gallery NAME=FOLDER"
        elif "--index" in known and index.is_dir():
            said += f"; name its index folder: --index {shlex.quote(str(index))}"
    command.error(said + meant(wrong, known))


def check_filters(reader: Reader, wanted: Filters) -> None:
    """UsageError where no image is in the folder, or of the format, that is asked for."""
    if wanted.folder:
        asked = wanted.folder.rstrip("/")
        folders = [folder for folder, _ in reader.folders()]
        if not any(f"{folder}/".startswith(f"{asked}/") for folder in folders):
            raise UsageError(
                f"--folder {wanted.folder}: no image is there; {_like(asked, folders)}"
            )
    if wanted.format:
        formats = [name for name, _ in reader.facets().formats]
        for name in wanted.format.upper().split(","):
            if name not in formats:
                raise UsageError(
                    f"--format {wanted.format}: no image has the format {name}; "
                    f"those of the index are {', '.join(formats)}"
                )


def _like(name: str, names: Iterable[str]) -> str:
    """What there is: those that are like the name, or the first few."""
    found = list(names)
    alike = get_close_matches(name, found, n=3)
    if alike:
        return f"did you mean {' or '.join(alike)}?"
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"folders of the index: {', '.join(filter(None, found[:NAMED]))}{more}"
