"""One `index` run as a process of its own, and what it says of itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge_app.config import DRAIN_S, INDEXING_LIMITS, Config, options_of
from edge_app.indexing.lost import Away
from edge_app.indexing.plan import Skipped
from edge_app.library.places import arguments

PROGRAM = (sys.executable, "-m", "edge_app")  # whose `index` a run is


@dataclass(frozen=True, slots=True)
class IndexingStatus:
    """What the indexing process is doing, as /api/status shows it."""

    state: str = "idle"  # idle, scanning, indexing or failed
    done: int = 0
    total: int = 0
    images_per_s: float = 0.0
    eta_s: float | None = None
    message: str | None = None  # why it failed
    offline: dict[str, str] = field(default_factory=dict)  # of plan.Progress, of the last run
    machines: dict[str, int] = field(default_factory=dict)  # files that each of a cluster did

    def as_json(self) -> dict[str, Any]:
        """The object `indexing` of /api/status."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Findings:
    """What an index run passed over, and which drives were not there."""

    skipped: tuple[Skipped, ...] = ()
    away: tuple[Away, ...] = ()


def start_index(config: Config, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """An `index` run with these settings in a process of its own; its output is lines of JSON.

    It ends when its standard input does, and so when this process is killed. Its process group is
    its own, with those that decode for it."""
    command = [*PROGRAM, "index", "--json", "--end-with-stdin"]
    command += arguments(config)
    for name in (
        "gallery_config", "index", "model", "workers", "threads", "runtime", "delegate", "cluster",
        "cluster_tls",
    ):  # fmt: skip
        value = getattr(config, name)
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    command += [f"--exclude={glob}" for glob in config.exclude]
    command += ["--follow-links"] * config.follow_links
    command += ["--tiles"] * config.tiles + ["--delegate-optional"] * config.delegate_optional
    command += options_of(config.limits, INDEXING_LIMITS)
    return subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        errors="replace",
        process_group=0,
    )


def has_ended(process: subprocess.Popen[str]) -> bool:
    """Whether a process has; also one that nobody can wait for, as a thread of it still waits."""
    if process.poll() is not None:
        return True
    with suppress(OSError):
        return Path(f"/proc/{process.pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    return True


def end(process: subprocess.Popen[str]) -> None:
    """End a run, and those that decode for it. First as a user would, so that it closes the index:
    of a process that is killed it stays locked as long as a thread of it waits for a share."""
    process.terminate()
    until_s = time.monotonic() + DRAIN_S
    while not has_ended(process) and time.monotonic() < until_s:
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def progress_in(line: str) -> dict[str, Any] | None:
    """What a line of an index run says of its progress; others speak of other things."""
    progress: dict[str, Any] | None = _object(line).get("progress")
    return progress


def findings_in(line: str) -> Findings | None:
    """What the last line of an index run says of its library."""
    told = _object(line)
    if "skipped" not in told:
        return None
    return Findings(
        tuple(Skipped(**one) for one in told["skipped"]),
        tuple(Away(**one) for one in told["away"]),
    )


def _object(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def ending(code: int) -> str:
    """What happened to a process that could not say so itself."""
    if code == -signal.SIGKILL:
        return (
            "the indexing process was killed, probably because memory ran out; give the "
            "service more memory, or make the index on another machine "
            "(docs/workstation.md)"
        )
    return "the indexing process ended with " + (
        f"exit code {code}" if code >= 0 else f"signal {-code}"
    )
