"""The limits that a user may set, as options of the commands that use them."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from edge_app.config import LIMITS, Limits, about, limit_text, option_of, parse_limit


def limit_options(*names: str) -> Callable[[ArgumentParser], None]:
    """What adds the options of these limits to a command."""

    def add(parser: ArgumentParser) -> None:
        for name in names:
            default = limit_text(name, getattr(Limits(), name))
            parser.add_argument(
                option_of(name), dest=_dest(name), type=_reader(name), default=argparse.SUPPRESS,
                metavar=_metavar(name), help=f"{about(name)} (default: {default})",
            )  # fmt: skip

    return add


def limits_of(options: Namespace) -> Limits:
    """The limits that were given, and the defaults of all others."""
    given = {name: getattr(options, _dest(name)) for name in LIMITS if _dest(name) in options}
    return Limits(**given)


def _dest(name: str) -> str:
    return f"limit_{name}"  # `bench --connections` is another matter


def _metavar(name: str) -> str:
    endings = {"_bytes": "SIZE", "_s": "TIME"}
    return next((text for ending, text in endings.items() if name.endswith(ending)), "N")


def _reader(name: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            return parse_limit(name, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read
