"""Writes the manual page from the options, as docs/cli.md is; a release has it.

python -m tools.manual | man -l -
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from edge_app import VERSION
from edge_app.cli.arguments import make_parser
from edge_app.cli.parser import commands_of
from tools.options import options_of, sentence

EXIT_CODES = (
    ("0", "done"),
    ("1", "failed"),
    ("2", "an argument can't be used"),
    ("75", "another process is writing the index"),
)


def page() -> str:
    """The page, for man(1)."""
    return "\n".join(_lines(make_parser())) + "\n"


def _lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f'.TH LOOKALIKE 1 "" "lookalike {VERSION}" ""'
    yield ".SH NAME"
    yield _text("lookalike - finds photos that look alike, on one small device")
    yield ".SH SYNOPSIS"
    yield ".B lookalike\n.I FOLDER\n[option of serve ...]\n.br"
    yield ".B lookalike\n.I COMMAND\n[option ...]"
    yield ".SH DESCRIPTION"
    yield _text(parser.description or "")
    yield ".SH COMMANDS"
    for name, command in commands_of(parser).items():
        yield f".SS {_text(name)}"
        yield _text(sentence(command.description or ""))
        for spelling, help in options_of(command):
            yield f".TP\n.B {_text(spelling)}\n{_text(help)}"
    yield '.SH "EXIT STATUS"'
    for code, meaning in EXIT_CODES:
        yield f".TP\n.B {code}\n{_text(meaning)}"


def _text(text: str) -> str:
    """As roff reads it: no line begins with a control character, and a hyphen stays one."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("…", "...")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    print(page(), end="")
