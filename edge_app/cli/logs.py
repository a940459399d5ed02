"""How the server's log looks: lines for people, or a JSON object a line for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

FORMATS = ("text", "json")


def set_up(format: str) -> None:
    """Log to standard error, in one of FORMATS."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if format == "json" else logging.Formatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)


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
