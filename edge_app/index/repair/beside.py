"""Finds damage in the files beside the catalogue that no record of it tells of."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from edge_app.errors import StoreError
from edge_app.index.format import linkfile, scalefile
from edge_app.index.format.regular import check_folder, open_regular
from edge_app.index.repair import cures
from edge_app.index.repair.report import Problem
from edge_app.index.write.decided import MARKED, DecidedFile
from edge_app.index.write.dismissed import DISMISSED

PREVIEWS = "previews"
PREVIEW = re.compile(r"[0-9a-f]{32}\.jpg(\.part)?")  # a file there, complete or being written
_JPEG = (b"\xff\xd8", b"\xff\xd9")  # the first and last bytes


def problems(index: Path) -> Iterator[Problem]:
    """What is wrong with them."""
    yield from _remade(index)
    yield from _previews(index / PREVIEWS)
    yield from _decided(index, DISMISSED, "the pairs on them count as near-duplicates again")
    yield from _decided(index, MARKED, "the photos on them are no longer marked to be moved away")


def _remade(index: Path) -> Iterator[Problem]:
    """Files that are made again from the vectors when they are missed."""
    loaders: dict[str, Callable[[Path], object]] = {
        linkfile.FILE: linkfile.load_links,
        scalefile.FILE: scalefile.load_scale,
    }
    for name, load in loaders.items():
        try:
            load(index)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, StoreError) as error:
            yield _to_be_made_again(name, str(error), index / name)


def _previews(folder: Path) -> Iterator[Problem]:
    """Each begins and ends as a JPEG does; the bytes between have no checksum."""
    try:
        check_folder(folder)
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    except (OSError, StoreError) as error:
        yield _to_be_made_again(PREVIEWS, str(error), folder)
        return
    for name in filter(PREVIEW.fullmatch, names):
        reason = _fault_of_preview(folder / name)
        if reason:
            yield _to_be_made_again(f"{PREVIEWS}/{name}", reason, folder / name)


def _fault_of_preview(path: Path) -> str | None:
    try:
        with open(open_regular(path, os.O_RDONLY), "rb") as file:
            start = file.read(2)
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2))
            end = file.read(2)
    except FileNotFoundError:
        return None  # the server has just dropped it
    except (OSError, StoreError) as error:
        return str(error)
    if (start, end) != _JPEG and path.suffix != ".part":  # which is being written
        return "it is not a whole JPEG"
    return None


def _to_be_made_again(name: str, reason: str, path: Path) -> Problem:
    return Problem(
        f"{name} is damaged ({reason}); it will be made again",
        partial(cures.forget_file, path=path),
    )


def _decided(index: Path, file: DecidedFile, so: str) -> Iterator[Problem]:
    """What the user has decided: the one thing here that can't be made again."""
    try:
        lost = file.damaged_lines(index)
    except StoreError as error:
        yield Problem(str(error), partial(cures.set_file_aside, path=index / file.name))
        return
    if lost:
        yield Problem(
            f"{file.name}: {lost} {'lines are' if lost > 1 else 'line is'} damaged; {so}",
            lambda catalog: file.blank_damaged(index),
        )
