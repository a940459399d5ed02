"""Writes docs/cli.md and docs/limits.md from the code.

Run as `python -m tools.options`; a test fails while they differ.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from edge_app.cli.arguments import make_parser
from edge_app.cli.parser import arguments_of, commands_of
from edge_app.config import LIMITS, Limits, about, limit_text, option_of

ROOT = Path(__file__).parent.parent


def cli() -> str:
    """docs/cli.md: every command and option; what several commands take is listed once."""
    return "\n".join(_cli(make_parser()))


def limits() -> str:
    """docs/limits.md: every limit with its default."""
    return "\n".join(_limits())


def _cli(parser: argparse.ArgumentParser) -> Iterator[str]:
    commands = commands_of(parser)
    takers: dict[tuple[str, str], list[str]] = {}
    for name, command in commands.items():
        for option in options_of(command):
            takers.setdefault(option, []).append(name)
    yield "# Commands\n"
    yield "Written by `python -m tools.options` from `edge_app/cli/arguments.py`.\n"
    yield "Run a command as `lookalike COMMAND`, or as `python -m edge_app COMMAND` in a checkout."
    yield "`lookalike COMMAND --help` shows its options. Exit codes: 0 done, 1 failed, 2 an"
    yield "argument can't be used, 75 another process is writing the index.\n"
    yield "| command | what it does |\n|---|---|"
    for name, command in commands.items():
        yield f"| [`{name}`](#{name}) | {command.description} |"
    yield "\n## Shared options\n"
    yield "| option | meaning | commands |\n|---|---|---|"
    for (spelling, help), names in takers.items():
        if len(names) > 1:
            listed = "all" if len(names) == len(commands) else ", ".join(names)
            yield f"| `{spelling}` | {help} | {listed} |"
    for name, command in commands.items():
        yield f"\n## {name}\n"
        yield f"{sentence(command.description or '')}\n"
        own = [option for option in options_of(command) if len(takers[option]) == 1]
        if own:
            yield "| option | meaning |\n|---|---|"
            yield from (f"| `{spelling}` | {help} |" for spelling, help in own)
        else:
            yield "It takes shared options only."
    yield ""


def sentence(text: str) -> str:
    """A description, as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def options_of(command: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """How each option is written, and its help."""
    for action in arguments_of(command):
        if action.dest != "help":
            yield _spelling(action), (action.help or "") % {**vars(action), "prog": ""}


def _spelling(action: argparse.Action) -> str:
    if not action.option_strings:
        return str(action.metavar) + (" …" if action.nargs in ("+", "*") else "")
    names = "/".join(action.option_strings)
    return f"{names} {action.metavar}" if action.metavar else names


def _limits() -> Iterator[str]:
    yield "# Limits\n"
    yield "Written by `python -m tools.options` from `edge_app/config.py`. Each is an option of the"
    yield "commands named. Sizes may end in K, M or G (1,024 bytes and so on), times in s, m, h or"
    yield "d, counts in K or M; a plain number is bytes, seconds or a count.\n"
    yield "| option | default | | commands |\n|---|---|---|---|"
    commands = commands_of(make_parser())
    for name in LIMITS:
        users = [
            command
            for command, sub in commands.items()
            if any(action.dest == f"limit_{name}" for action in arguments_of(sub))
        ]
        default = limit_text(name, getattr(Limits(), name))
        yield f"| `{option_of(name)}` | {default} | {about(name)} | {', '.join(users)} |"
    yield "\nOther bounds are constants in the modules that use them."
    yield ""


if __name__ == "__main__":
    (ROOT / "docs/cli.md").write_text(cli())
    (ROOT / "docs/limits.md").write_text(limits())
