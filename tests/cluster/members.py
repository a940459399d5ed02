"""A cluster on loopback, with certificates, each member a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from edge_app.cluster.keys import make_keys
from tests.conftest import ROOT
from tools.testing.hurried import PROGRAM
from tools.testing.waiting import PATIENCE_S


class Cluster:
    """A scheduler, and machines that are processes."""

    def __init__(self, folder: Path, model: Path | None = None) -> None:
        self.folder, self.model = folder, model
        make_keys(folder / "keys")
        self.processes: list[subprocess.Popen[str]] = []
        self.tls = ["--cluster-tls", str(folder / "keys")]
        self.scheduler, said = self._start("scheduler", "tls://127.0.0.1:0")
        found = re.search(r"tls://\S+", said)
        assert found, said
        self.address = found[0]

    def restart_scheduler(self) -> None:
        """At the same address; the one before has ended."""
        self.scheduler, _ = self._start("scheduler", self.address)

    def machine(
        self, library: Path | str, *more: str, model: Path | None = None, **environment: str
    ) -> subprocess.Popen[str]:
        """One more that works, with these photos."""
        options = ["--gallery", str(library), "--model", str(model or self.model), *more]
        words = ["worker", self.address, *options, "--workers", "2"]
        process, said = self._start(*words, **environment)
        assert said.startswith("Working for")
        return process

    def searcher(self, index: Path) -> subprocess.Popen[str]:
        """One more that searches this copy of an index."""
        process, said = self._start("worker", self.address, "--index", str(index))
        assert said.startswith("Working for")
        return process

    def index(self, library: Path | str, name: str, *more: str) -> subprocess.Popen[str]:
        """An index run over these machines, in a process of its own."""
        words = ["index", "--gallery", str(library), "--index", str(self.folder / name), *more]
        words += ["--model", str(self.model), "--cluster", self.address, *self.tls, "--json"]
        return subprocess.Popen(
            [*PROGRAM, *words],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _start(self, *words: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [*PROGRAM, *words, *self.tls],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | environment,
        )  # fmt: skip
        self.processes.append(process)
        assert process.stdout
        return process, process.stdout.readline()

    def close(self) -> None:
        """Every machine ends by itself when it is asked to, the scheduler last."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE_S)
        codes = {process.returncode for process in self.processes}
        assert codes <= {0, -signal.SIGKILL}, codes
