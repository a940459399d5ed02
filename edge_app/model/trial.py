"""Has a process of its own run a model first, if it has not been run here before.

A model is a program, and a damaged one crashes the runtime: 82 of 204 files with a few changed
bytes did. Then that process ends, and the user reads one line. It is no protection from a model
that is made to do harm.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from edge_app.userfolders import cache_folder

TRIAL_S = 120.0  # to load it and to run it once, on the slowest device
REMEMBERED = 100  # models that have been run
PACKAGE = Path(__file__).parents[1]


def fault_of(
    content: bytes,
    runtime: str,
    wanted: str | None,
    library: str | None,
    options: Mapping[str, str],
) -> str | None:
    """What becomes of a process that runs this .tflite file; None if it lives.

    runtime: name and version, and the delegate, that the answer is remembered for.
    wanted, library, options: what makes them, as `Runtime` and `Delegate` take it.
    """
    model = f"{hashlib.sha256(content).hexdigest()} {runtime}"
    remembered = _read()
    if model in remembered:
        return None
    settings = json.dumps([wanted, library, dict(options)])
    command = [sys.executable, "-m", "edge_app.model.trialrun", settings]
    try:
        code = subprocess.run(
            command,
            input=content,
            cwd=PACKAGE.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TRIAL_S,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return f"does not answer within {TRIAL_S:.0f} s"
    except OSError as error:
        return f"can't be tried in a process of its own: {error.strerror}"
    if code == 0:
        _write([*remembered, model][-REMEMBERED:])
    if code == -signal.SIGKILL:
        return "was ended by the system, probably because memory ran out"
    if code < 0:
        return f"crashes {runtime} ({signal.Signals(-code).name}): the file is damaged"
    return None  # whoever loads it next says why it failed


def _file() -> Path:
    """Of this user and device: an index folder may come from elsewhere."""
    return cache_folder() / "models-run"


def _read() -> list[str]:
    with suppress(OSError, ValueError):
        return _file().read_text("utf-8").splitlines()
    return []


def _write(models: list[str]) -> None:
    """Best effort: without it the model is tried again next time."""
    file = _file()
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text("\n".join([*models, ""]), "utf-8")
        fresh.replace(file)
