"""How the server's log looks: lines for people, or a JSON object a line for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from edge_app.errors import printable

FORMATS = ("text", "json")


def set_up(format: str) -> None:
    """Log to standard error, in one of FORMATS."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if format == "json" else TextLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO)


class TextLines(logging.Formatter):
    """A message a line, with nothing in it that a terminal obeys or that looks like another line,
    such as the name of a file; the exception below it where there is one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return printable(record.message)


class JsonLines(logging.Formatter):
    """`time` (UTC), `level`, `logger`, `message`; `exception` where there is one; and whatever was
    logged with `extra={"fields": {…}}`."""

    def format(self, record: logging.LogRecord) -> str:
        values: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            values["exception"] = self.formatException(record.exc_info)
        return json.dumps(values)
