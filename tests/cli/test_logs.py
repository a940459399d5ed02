"""logs: each line is one JSON object, whatever is logged."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import datetime

from edge_app.cli.logs import JsonLines, TextLines
from tests.conftest import ROOT


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "edge_app.api.routes", "levelname": "ERROR", "levelno": 40}
    )
    made.msg, made.args = message, arguments
    made.__dict__.update(more)
    return made


def test_a_line_says_when_how_grave_who_and_what() -> None:
    line = JsonLines().format(record("%s is\nmissing", "a"))
    values = json.loads(line)
    assert "\n" not in line
    assert datetime.fromisoformat(values.pop("time")).utcoffset() is not None
    assert values == {"level": "error", "logger": "edge_app.api.routes", "message": "a is\nmissing"}


def test_a_text_line_is_one_line_that_no_terminal_obeys() -> None:
    line = TextLines().format(record("%s can't be compared", "a\n\x1b[2J\u202eü\udcff.jpg"))
    assert line == r"a\n\x1b[2J\u202eü\udcff.jpg can't be compared"


def test_an_exception_and_fields_are_part_of_it() -> None:
    try:
        raise ValueError("why")
    except ValueError:
        failed = record("failed", fields={"status": 500}, exc_info=sys.exc_info())
    values = json.loads(JsonLines().format(failed))
    assert values["status"] == 500
    assert values["exception"].endswith("ValueError: why")


def test_everything_logged_goes_to_standard_error_in_the_format_asked_for() -> None:
    def logged(format: str) -> str:
        program = (
            "import logging; from edge_app.cli import logs; "
            f"logs.set_up({format!r}); logging.getLogger('edge_app').info('%s is here', 'all')"
        )
        return subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=True
        ).stderr

    assert logged("text") == "all is here\n"
    assert json.loads(logged("json"))["message"] == "all is here"
