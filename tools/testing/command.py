"""A command that serves, as a process of its own whose first line names the address."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.testing.waiting import PATIENCE_S


class Command:
    """What it serves, while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.url = self.line().split()[-1]

    def line(self) -> str:
        """The next line it prints."""
        assert self.process.stdout
        return self.process.stdout.readline()

    def fetched(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE_S) as answer:
            body: bytes = answer.read()
            return body

    def get(self, path: str) -> Any:
        return json.loads(self.fetched(path))


@contextmanager
def serving(
    words: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Command]:
    """Start it on a free port in a working folder; at the end it must stop clean when told to."""
    with subprocess.Popen(
        [*words, "--port", "0"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Command(process)
        finally:
            process.terminate()
        assert process.wait(PATIENCE_S) == 0
