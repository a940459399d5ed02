"""Puts a benchmark's table into a document, and says where its figures come from."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np


def machine() -> str:
    """Processor, cores, versions and date, in one line."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processor = model[1] if model else platform.machine()
    cores = len(os.sched_getaffinity(0))
    today = datetime.now(UTC).date()
    return (
        f"{processor}, {cores} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, {today}"
    )


def private_bytes() -> int:
    """Memory of this process that is not a file's: what it holds beyond the page cache."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^RssAnon:\s*(\d+) kB$", status, re.MULTILINE)
    assert found, "Linux names it in every /proc/PID/status"
    return int(found[1]) * 1024


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def publish(name: str, table: str, document: Path | None) -> None:
    """Print a table, or put it between the `<!-- NAME -->` and `<!-- end -->` of a document."""
    if document is None:
        print(table)
        return
    text = document.read_text()
    place = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(text):
        raise SystemExit(f"{document} has no place for the table: <!-- {name} --> … <!-- end -->")
    document.write_text(place.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text))
