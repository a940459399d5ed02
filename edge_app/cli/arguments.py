"""The command line from its words to an exit code; what each command does is in `commands`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from edge_app import VERSION
from edge_app.cli import ending, hints
from edge_app.cli import options as takes
from edge_app.cli.folder import model_for, served, words_of
from edge_app.cli.limits import limit_options, limits_of
from edge_app.cli.parser import Parser, short_usage
from edge_app.config import DECODING_LIMITS, INDEXING_LIMITS, LIMITS, Config
from edge_app.errors import EdgeAppError, UsageError, printable
from edge_app.library import places

DEFAULTS = Config()

Adder = Callable[[Parser], None]  # adds the options of one subject

# By name: what it is for, and its options.
COMMANDS: dict[str, tuple[str, tuple[Adder, ...]]] = {
    "index": (
        "index the photo folder: add new and changed photos, remove deleted ones",
        (
            takes.index_folder,
            takes.library,
            takes.exclude,
            takes.links,
            takes.json,
            takes.workers,
            takes.index,
            takes.cluster,
            limit_options(*INDEXING_LIMITS),
        ),
    ),
    "serve": (
        "show the gallery in browsers, and index in the background",
        (
            takes.index_folder,
            takes.library,
            takes.exclude,
            takes.links,
            takes.workers,
            takes.serve,
            takes.network,
            takes.searching_cluster,
            limit_options(*LIMITS),
        ),
    ),
    "search": (
        "find the images that are most similar to given images",
        (
            takes.known_index,
            takes.library,
            takes.links,
            takes.json,
            takes.search,
            takes.filters,
            takes.searching_cluster,
            limit_options(*DECODING_LIMITS, "cluster_s"),
        ),
    ),
    "duplicates": (
        "list groups of duplicates and near-duplicates",
        (takes.known_index, takes.json, takes.duplicates, takes.searching_cluster),
    ),
    "check": (
        "check the index for damage",
        (takes.known_index, takes.json, takes.check),
    ),
    "info": (
        "show runtime, model, index and memory, and what to fix",
        (takes.told_index, takes.library, takes.json, limit_options("decode_memory_bytes")),
    ),
    "export": (
        "write ids, paths, dates and vectors into files for other programs",
        (takes.known_index, takes.export),
    ),
    "doctor": (
        "say what is wrong on this device, what to do first; exit code 1 if anything is",
        (takes.told_index, takes.library, takes.json, limit_options("decode_memory_bytes")),
    ),
    "bench": (
        "measure how fast this device indexes, searches or serves",
        (
            takes.bench,
            takes.index_folder,
            takes.model,
            takes.exclude,
            takes.links,
            takes.json,
            takes.workers,
            limit_options(*DECODING_LIMITS),
        ),
    ),
    "scheduler": (
        "run the meeting point of a cluster of machines",
        (takes.address, takes.cluster_tls),
    ),
    "worker": (
        "work for a cluster: embed photos that this machine sees, or search its copy of an index",
        (
            takes.address,
            takes.cluster_tls,
            takes.index_copy,
            takes.library,
            takes.workers,
            limit_options(*DECODING_LIMITS),
        ),
    ),
    "cluster-keys": (
        "make the certificates that the machines of a cluster need",
        (takes.cluster_keys,),
    ),
    "passcode": (
        "create the passcode file for serve --passcode-file",
        (takes.passcode,),
    ),
    "completion": (
        "print what makes a shell complete commands and options",
        (takes.completion,),
    ),
}
MACHINES = ("scheduler", "worker", "cluster-keys")  # in one module; every other has its own


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 failed, 2 an argument or an image named by one
    can't be used, 75 another writer holds the index."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a Latin-1 terminal shows names as it can
            stream.reconfigure(errors="backslashreplace")
    parser = make_parser()
    words = words_of(parser, sys.argv[1:] if arguments is None else arguments)
    options = hints.parse(parser, words)
    try:
        code: int = options.run(_config_of(options), options)
        sys.stdout.flush()
        return code
    except EdgeAppError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130  # as a shell reports SIGINT
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); say nothing more, not even at exit.
        _drop_output()
        return 0
    except OSError as error:
        if isinstance(error.filename, str):  # a path of the user's: not permitted, too long
            place = printable(error.filename)
            print(f"error: {place} can't be used: {error.strerror}", file=sys.stderr)
            return 1
        if not _is_of_output():
            raise
        _drop_output()
        print(f"error: the output can't be written: {error.strerror}", file=sys.stderr)
        return 1


def _config_of(options: argparse.Namespace) -> Config:
    """The settings that the options name, and those that follow from them."""
    # Options and settings have the same names, so that an option is declared in one place only.
    given = {field.name: vars(options).get(field.name) for field in fields(Config)}
    settings = {name: value for name, value in given.items() if value is not None}
    named = [places.parse(text) for text in vars(options).get("galleries") or ()]
    if "needs_gallery" in options and not named and not os.path.exists(DEFAULTS.gallery):
        raise UsageError(f"name the photo folder with --gallery (no {DEFAULTS.gallery} here)")
    settings |= places.settings(named)
    if "finds_index" in options:
        settings |= served(named, options.index, needed="needs_index" in options)
    config = Config(**settings, limits=limits_of(options))
    if "model" in options and options.model is None:
        config = replace(config, model=model_for(config.index))
    return config


def _is_of_output() -> bool:
    """Whether standard output takes no more, as on a full disk."""
    try:
        print(flush=True)
    except OSError:
        return True
    return False


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def make_parser() -> Parser:
    """All commands and their options."""
    parser = Parser(
        prog="lookalike" if Path(sys.argv[0]).name == "lookalike" else "python -m edge_app",
        description="Finds photos that look alike, on one small device. A folder in the place of a"
        " command is served, with an index of its own: lookalike ~/Pictures --lan",
    )
    parser.add_argument("--version", action="version", version=f"lookalike {VERSION}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True, prog=parser.prog)
    parser.usage = "%(prog)s FOLDER [OPTION ...]\n       %(prog)s COMMAND [OPTION ...]"
    parser.epilog = "COMMAND --help shows the options of one; those of serve go after a FOLDER."
    for name, (description, adders) in COMMANDS.items():
        command = subparsers.add_parser(name, help=description, description=description)
        command.set_defaults(run=partial(_run, name), parser=parser)
        for add in adders:
            add(command)
        command.usage = short_usage(command)
    return parser


def _run(name: str, config: Config, options: argparse.Namespace) -> int:
    """A command, whose module is loaded now: an index run on a small device has no use for the
    server, which takes 8 MB."""
    module = import_module(f"edge_app.cli.commands.{'machines' if name in MACHINES else name}")
    ending.take_ctrl_c()
    code: int = getattr(module, name.replace("-", "_"))(config, options)
    return code
