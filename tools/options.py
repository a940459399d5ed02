"""Writes docs/cli.md and docs/limits.md from the code.

Run as `python -m tools.options`; a test fails while they differ.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from edge_app.cli.arguments import make_parser
from edge_app.config import Limits

ROOT = Path(__file__).parent.parent
LIMIT = re.compile(r"    (\w+): (?:int|float) = ([^#]+?)\s*(?:# (.*))?$")
HEADING = re.compile(r"    # --- (.+?) -+$")


def commands() -> str:
    """docs/cli.md: every command with its options; those that several share are listed once."""
    return "\n".join(_commands(make_parser()))


def limits() -> str:
    """docs/limits.md: every limit with its default."""
    return "\n".join(_limits())


def _commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    (subparsers,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    users: dict[tuple[str, str], list[str]] = {}  # by spelling and help
    for name, sub in subparsers.choices.items():
        for option in _options(sub):
            users.setdefault(option, []).append(name)
    yield "# The command line\n"
    yield "Written by `python -m tools.options` from `edge_app/cli/arguments.py`. Installed, the"
    yield "command is `lookalike`; in a checkout it is `python -m edge_app`. Exit codes: 0 done,"
    yield "1 failed, 2 an argument can't be used, 75 another process is writing the index."
    for name, sub in subparsers.choices.items():
        yield f"\n## {name}\n\n{sub.description[0].upper()}{sub.description[1:]}.\n"
        own = [option for option in _options(sub) if len(users[option]) == 1]
        if own:
            yield from _table(own)
        shared = [
            f"`{spelling}`" for spelling, help in _options(sub) if len(users[spelling, help]) > 1
        ]
        if shared:
            yield f"\nAlso, [see below](#shared-options): {', '.join(shared)}."
    yield "\n## Shared options\n"
    yield "| option | | commands |\n|---|---|---|"
    for (spelling, help), names in users.items():
        if len(names) > 1:
            yield f"| `{spelling}` | {help} | {', '.join(names)} |"
    yield ""


def _options(parser: argparse.ArgumentParser) -> list[tuple[str, str]]:
    """How each option of a command is spelled, and what it does."""
    return [
        (_spelling(action), (action.help or "") % {**vars(action), "prog": ""})
        for action in parser._actions
        if action.dest != "help"
    ]


def _table(options: list[tuple[str, str]]) -> Iterator[str]:
    yield "| option | |\n|---|---|"
    for spelling, help in options:
        yield f"| `{spelling}` | {help} |"


def _spelling(action: argparse.Action) -> str:
    if not action.option_strings:
        return str(action.metavar) + (" …" if action.nargs in ("+", "*") else "")
    names = "/".join(action.option_strings)
    return f"{names} {action.metavar}" if action.metavar else names


def _limits() -> Iterator[str]:
    yield "# Limits\n"
    yield "Written by `python -m tools.options` from `edge_app/config.py`. Any command takes"
    yield "`--limit NAME=VALUE`, and may be given several. The unit is in the name, or a count."
    for line in inspect.getsource(Limits).splitlines():
        if heading := HEADING.match(line):
            yield f"\n## {heading[1].capitalize()}\n"
            yield "| limit | default | |\n|---|---|---|"
        elif limit := LIMIT.match(line):
            yield f"| `{limit[1]}` | {limit[2]} | {limit[3] or ''} |"
    yield ""


if __name__ == "__main__":
    (ROOT / "docs/cli.md").write_text(commands())
    (ROOT / "docs/limits.md").write_text(limits())
