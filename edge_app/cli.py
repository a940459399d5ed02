"""Arguments, exit codes and printing; the work is done by the modules to the left."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from edge_app import commands
from edge_app.config import Config
from edge_app.errors import EdgeAppError

DEFAULTS = Config()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 failed, 2 usage, 75 another writer holds the
    index."""
    options = _parser().parse_args(arguments)
    given = {field.name for field in fields(Config)} & vars(options).keys()
    config = Config(**{name: getattr(options, name) for name in given})
    try:
        code: int = options.run(config, options)
        return code
    except EdgeAppError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130  # as a shell reports SIGINT
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); say nothing more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edge_app", description="Exact image-similarity search for one small device."
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: object, description: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=description, description=description)
        sub.set_defaults(run=run)
        sub.add_argument(
            "--index",
            type=Path,
            default=DEFAULTS.index,
            metavar="DIR",
            help="the index folder (default: %(default)s)",
        )
        return sub

    def gallery(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--gallery",
            type=Path,
            default=DEFAULTS.gallery,
            metavar="DIR",
            help="the photo folder; never written to (default: %(default)s)",
        )
        sub.add_argument(
            "--model",
            type=Path,
            default=DEFAULTS.model,
            metavar="FILE",
            help="the .tflite file, its card beside it (default: %(default)s)",
        )
        sub.add_argument(
            "--threads",
            type=_positive,
            metavar="N",
            help="inference threads (default: one a core, 4 at most)",
        )

    def json_output(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--json", action="store_true", help="one JSON object a line")

    index = command("index", commands.index, "bring the index in step with the photo folder")
    gallery(index)
    json_output(index)
    index.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="decoding processes (default: what cores and memory allow)",
    )
    index.add_argument(
        "--prune",
        action="store_true",
        help="drop images whose files are gone, even where most of them are",
    )
    index.add_argument(
        "--tiles",
        action="store_true",
        default=DEFAULTS.tiles,
        help="also embed tiles of each photo, so that a region query finds photos"
        " where the object is small",
    )

    serve = command("serve", commands.serve, "serve the gallery to browsers, indexing meanwhile")
    gallery(serve)
    serve.add_argument(
        "--host",
        default=DEFAULTS.host,
        metavar="H",
        help="the address to listen on (default: %(default)s)",
    )
    serve.add_argument(
        "--port",
        type=int,
        default=DEFAULTS.port,
        metavar="P",
        help="the port to listen on, 0 for any free one (default: %(default)s)",
    )
    serve.add_argument(
        "--lan",
        action="store_true",
        help="listen on the network and announce the addresses that work",
    )
    serve.add_argument(
        "--watch",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="pick up new, changed and deleted files while serving",
    )
    serve.add_argument(
        "--head-start",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="wait so long for the first index run before serving",
    )
    serve.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="decoding processes of the index run (default: as for index)",
    )

    search = command("search", commands.search, "find the images most similar to given ones")
    gallery(search)
    json_output(search)
    search.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="an image file, or a path of the index; each is one query",
    )
    search.add_argument(
        "--unlike",
        nargs="+",
        default=[],
        metavar="IMAGE",
        help="search for all IMAGEs together, and away from these",
    )
    search.add_argument(
        "--together", action="store_true", help="one query for all IMAGEs instead of one each"
    )
    search.add_argument(
        "--weight",
        type=float,
        default=DEFAULTS.limits.unlike_weight,
        metavar="W",
        help="how strongly --unlike counts (default: %(default)s)",
    )
    search.add_argument(
        "--box",
        metavar="x,y,w,h",
        help="search for this region of IMAGE: fractions of the upright image",
    )
    search.add_argument(
        "--k",
        type=int,
        default=DEFAULTS.limits.k,
        metavar="K",
        help="how many matches (default: %(default)s)",
    )
    search.add_argument("--min-score", type=float, metavar="S", help="no match below this cosine")
    search.add_argument("--folder", metavar="F", help="only images in this folder and below it")
    search.add_argument("--from", metavar="DATE", help="only images taken on this date or later")
    search.add_argument("--to", metavar="DATE", help="only images taken on this date or earlier")
    search.add_argument("--format", metavar="F", help="only these formats, such as JPEG,PNG")
    search.add_argument("--orientation", metavar="O", help="landscape, portrait or square")
    search.add_argument(
        "--collapse",
        action="store_true",
        help="fold near-duplicates of one another under the best one",
    )
    search.add_argument(
        "--tiles",
        action="store_true",
        default=DEFAULTS.tiles,
        help="also search the tiles of photos (see index --tiles)",
    )
    search.add_argument("--csv", action="store_true", help="one line of CSV a match")

    duplicates = command("duplicates", commands.duplicates, "list groups of near-duplicates")
    json_output(duplicates)
    duplicates.add_argument(
        "--min-score",
        type=float,
        metavar="S",
        default=DEFAULTS.limits.duplicate_score,
        help="images at least this similar (default: %(default)s)",
    )

    check = command("check", commands.check, "verify every byte of the index")
    json_output(check)
    check.add_argument(
        "--repair",
        action="store_true",
        help="forget what is damaged, so that the next index run makes it anew",
    )

    info = command("info", commands.info, "runtime, model, index, memory, and what to fix")
    gallery(info)
    json_output(info)
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not 1 or more")
    return value
