"""What runs here and in what state it is: runtime, model, index, memory, and what to fix."""

from __future__ import annotations

import json
import os
import platform
import shlex
from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy
import PIL

from edge_app import VERSION
from edge_app.api.state import IndexState, State, state_of
from edge_app.cli.folder import to_begin, to_index, to_type
from edge_app.config import Config, MiB
from edge_app.errors import NoIndexError, StoreError, printable
from edge_app.index.read.reader import Reader
from edge_app.index.write.upgrade import bring_up_to_date
from edge_app.library.places import arguments, shown
from edge_app.library.sources import library_of
from edge_app.memory import default_workers
from edge_app.model.card import comparable
from edge_app.model.describe import describe_model
from edge_app.model.embed import Embedder
from edge_app.photos.children.nonetwork import can_do_without
from edge_app.search.scale import Scales
from edge_app.userfolders import indexes_folder


def info(config: Config, options: Namespace) -> int:
    """Print runtime, model card, index, memory, and what to fix."""
    facts = describe(config)
    if options.json:
        print(json.dumps(facts))
        return 0
    for group, values in facts.items():
        if isinstance(values, dict):
            print(f"{group}:")
            for name, value in values.items():
                if value is not None:
                    print(f"  {printable(name)}: {_shown(value)}")
        else:
            for line in values:
                print(f"{group}: {printable(line)}")
    return 0


def _shown(value: Any) -> str:
    """A fact for a person."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return printable(", ".join(map(str, value)))
    if not isinstance(value, dict):
        return printable(str(value))
    if any(isinstance(part, str) for part in value.values()):  # a card, to copy
        return json.dumps(value, indent=2).replace("\n", "\n  ")
    named = (f"{name} {part}" for name, part in value.items() if part is not None)
    return printable(", ".join(named))


def describe(config: Config) -> dict[str, Any]:
    """Facts by group; `to fix` is a list of lines, each naming the setting or command."""
    with suppress(StoreError):  # said below
        bring_up_to_date(config.index)
    with Reader(config.index) as reader:
        # Before the model takes any of the memory that is told, and by which workers are counted.
        state = state_of(config, library_of(config), reader)
        program = _program_facts(config)
        found = describe_model(config)
        if found.embedder:
            program["runtime"] = found.embedder.runtime
            program["inference threads"] = found.embedder.threads
        index: dict[str, Any] = {"folder": str(config.index)}
        problems = found.problems
        try:
            index |= _index_facts(state)
            if state.index.identity is not None:
                index["scale of scores"] = asdict(Scales(reader).of(reader.snapshot()))
            problems += _index_problems(config, state.index, reader, found.embedder)
        except StoreError as error:
            problems.append(str(error))
    if not os.path.exists(config.gallery) and config.places == Config().places:
        problems += [] if _is_new(config) else ["name the photo folder with --gallery"]
    else:
        problems += [source.message for source in state.sources if source.message]
    libraries = _libraries()
    return ({"libraries": libraries} if libraries else {}) | {
        "program": program,
        "model": found.facts,
        "index": index,
        "memory": {"available MiB": state.available_bytes // MiB},
        "to fix": problems,
    }


def _program_facts(config: Config) -> dict[str, Any]:
    return {
        "version": VERSION,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,
        "decoding processes": config.workers or default_workers(config.limits),
        "decoding without network": can_do_without(),
    }


def _is_new(config: Config) -> bool:
    """Whether nothing is named and nothing is there: the default photo folder is a checkout's."""
    is_default = config.places == Config().places
    return is_default and not any(map(os.path.exists, (config.gallery, config.index)))


def _libraries() -> dict[str, str]:
    """What `lookalike FOLDER` has indexed: the index folder, and what is in it."""
    found = {}
    for folder in sorted(indexes_folder().glob("*")):
        try:
            with Reader(folder) as reader:
                roots, images = reader.roots(), reader.counts().images
        except StoreError as error:
            found[str(folder)] = str(error)
        else:
            found[str(folder)] = f"{images} images of {', '.join(map(shown, roots.values()))}"
    return found


def _index_problems(
    config: Config, index: IndexState, reader: Reader, embedder: Embedder | None
) -> Iterator[str]:
    for group in reader.rejections():
        if group.advice:
            yield f"{group.count} {group.reason}: {group.advice}"
    begin = to_begin() if _is_new(config) else to_index(config)
    if index.identity is None and begin:
        yield begin
    elif index.identity is None:
        yield str(NoIndexError(config.index, shlex.join(arguments(config))))
    elif embedder and not comparable(embedder.identity, index.identity):
        yield (
            f"the index {config.index} was built with another model "
            f"({index.identity.name}); to build it again with this one: {to_type(config, 'index')}"
        )


def _index_facts(state: State) -> dict[str, Any]:
    index = state.index
    return {
        "generation": index.generation,
        "images": index.images,
        "rejected": index.rejected,
        "offline": index.offline,
        "rows": index.rows,
        "dead rows": index.dead_rows,
        "vectors MiB": round(index.vectors_bytes / MiB, 1),
        "tiles": index.tiles,
        "search kernel": state.kernel,
    }
