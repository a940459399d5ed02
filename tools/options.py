"""Writes the options into README.md and the limits into docs/limits.md, from the code.

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
START, END = "<!-- commands: written by `python -m tools.options` -->", "<!-- /commands -->"
LIMIT = re.compile(r"    (\w+): (?:int|float) = ([^#]+?)\s*(?:# (.*))?$")
HEADING = re.compile(r"    # --- (.+?) -+$")


def commands() -> str:
    """Each command with its options, as Markdown."""
    return "\n".join(_commands(make_parser()))


def limits() -> str:
    """Every limit with its default, as Markdown."""
    return "\n".join(_limits())


def readme() -> str:
    """README.md with the commands of today."""
    text = (ROOT / "README.md").read_text()
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{commands()}\n{END}{after}"


def _commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    (subparsers,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for name, sub in subparsers.choices.items():
        yield f"\n**`python -m edge_app {name}`**: {sub.description}\n"
        yield "| option | |\n|---|---|"
        for action in sub._actions:
            if action.dest != "help":
                help = (action.help or "") % {**vars(action), "prog": ""}
                yield f"| `{_spelling(action)}` | {help} |"


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
    (ROOT / "README.md").write_text(readme())
    (ROOT / "docs/limits.md").write_text(limits())
