"""A parser whose errors are one line, and the numbers that it reads."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from edge_app.errors import printable

MANY = 256  # processes or threads; more than a device of any kind has processors for

DAY_S = 24 * 3600


class Parser(argparse.ArgumentParser):
    """argparse's, which would print all options before it says what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {printable(message)} (see {self.prog} --help)\n")


# What argparse has no public way to ask, in one place.


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, in their order."""
    (commands,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(commands.choices)


def arguments_of(parser: argparse.ArgumentParser) -> Sequence[argparse.Action]:
    """What a command takes: its options, and what is named without one."""
    return parser._actions


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """The names of a command's options."""
    return [name for argument in arguments_of(parser) for name in argument.option_strings]


def short_usage(parser: argparse.ArgumentParser) -> str:
    """The first line of a command's help. All options would be 25 lines, and stand below anyway."""
    words = ["%(prog)s [OPTION ...]"]
    for argument in arguments_of(parser):
        if not argument.option_strings:
            shown = {"?": "[{}]", "*": "[{} ...]"}.get(str(argument.nargs), "{}")
            words.append(shown.format(argument.metavar))
    return " ".join(words)


def meant(name: str, names: Iterable[str]) -> str:
    """The end of a message about a name that is none of these: the one that is like it, or ""."""
    found = get_close_matches(name, list(names), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def whole(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:  # also of 5,000 digits
        raise argparse.ArgumentTypeError(f"{_shown(text)} is not a whole number") from None


def path(text: str) -> Path:
    """A file or folder; no name is not the working folder, but a variable that was not set."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(text)


def few(text: str) -> int:
    """How many at a time: a whole number from 1 to MANY."""
    value = positive(text)
    if value > MANY:
        raise argparse.ArgumentTypeError(f"{_shown(text)} is more than {MANY}")
    return value


def positive(text: str) -> int:
    """A whole number, 1 or more."""
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{_shown(text)} is not 1 or more")
    return value


def number(text: str) -> float:
    """A number, and a finite one."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{_shown(text)} is not a number")
    return value


def seconds(text: str) -> float:
    """How long to wait, no longer than a day."""
    value = number(text)
    if not 0 <= value <= DAY_S:
        raise argparse.ArgumentTypeError(f"{_shown(text)} is not from 0 to {DAY_S}")
    return value


def above_zero(text: str) -> float:
    """A number above 0."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{_shown(text)} is not above 0")
    return value


def _shown(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
