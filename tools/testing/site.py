"""The real server, as its own process, on a free port of loopback."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from tools.testing.hurried import PROGRAM
from tools.testing.waiting import PATIENCE_S, until


class Site:
    """`serve` on one library; may be stopped and started again."""

    def __init__(self, library: Path, index: Path, *options: str) -> None:
        self.library, self.index = library, index
        self._command = [*PROGRAM, "serve", *options]
        self._command += ["--gallery", str(library), "--index", str(index)]
        self._log = index.with_suffix(".log")
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start serving, at the same address as before if there was one."""
        port = re.findall(r":(\d+)/", self.url) or ["0"]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*self._command, "--port", port[0]],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, f"{line!r}, and in the log: {self._log.read_text()[-2000:]}"
        self.url = found[0]

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=PATIENCE_S)
            self._process = None

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def wait_until_indexed(self, images: int) -> None:
        """Return once the index has settled at this many images."""

        def settled() -> bool:
            status = self.get("api/status")
            return bool(status["images"] == images and status["indexing"]["state"] == "idle")

        until(settled)

    def id_of(self, name: str) -> int:
        """Id of the one image with this file name."""
        items = self.get("api/images?limit=1000")["items"]
        (found,) = [int(item["id"]) for item in items if item["name"] == name]
        return found
