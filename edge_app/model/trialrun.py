"""Loads a model and runs it once: `python -m edge_app.model.trialrun SETTINGS`, started by `trial`
only, with the file on standard input."""

from __future__ import annotations

import json
import resource
import signal
import sys
from typing import Any

import numpy as np

from edge_app.memory import go_first
from edge_app.model.runtime import Delegate, Runtime


def main() -> None:
    """End well, with 1 after an error that can be caught, or with a signal."""
    wanted, library, options = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    go_first()
    runtime = Runtime(wanted, Delegate(library, options) if library else None, trial=False)
    try:
        run_once(runtime.interpreter(sys.stdin.buffer.read()))
    except Exception:
        sys.exit(1)


def run_once(interpreter: Any) -> None:
    """With noise for pixels, and zeros for what may be the number of a word."""
    chance = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        shape, dtype = detail["shape"], np.dtype(detail["dtype"])
        tensor = np.zeros(shape, dtype)
        if dtype.kind == "f":
            tensor = (chance.random(shape) * 2 - 1).astype(dtype)
        elif dtype.itemsize == 1 and dtype.kind in "iu":
            tensor = chance.integers(0, 128, shape).astype(dtype)
        interpreter.set_tensor(detail["index"], tensor)
    interpreter.invoke()
    for detail in interpreter.get_output_details():
        interpreter.get_tensor(detail["index"])


if __name__ == "__main__":
    main()
