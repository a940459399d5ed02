"""The TFLite runtime that is installed, under whichever of its two names."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from edge_app.errors import ModelError

# tflite-runtime ended with CPython 3.11, ai-edge-litert goes on. The newer kernels are about twice
# as fast, so they are taken where both are installed.
RUNTIMES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}


def installed_runtime(wanted: str | None = None) -> str:
    """Name and version of the runtime that will be taken, without loading it."""
    for name in [wanted] if wanted else RUNTIMES:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    raise ModelError(
        f"no TFLite runtime ({' or '.join([wanted] if wanted else RUNTIMES)}) is installed; "
        "install requirements-edge.txt"
    )


def interpreter_module(runtime: str) -> Any:
    """The module of an installed runtime that has `Interpreter` and `load_delegate`."""
    name, _, _ = runtime.partition(" ")
    try:
        return importlib.import_module(f"{RUNTIMES[name]}.interpreter")
    except ImportError as error:
        raise ModelError(f"{runtime} can't be imported: {error}") from None


@contextmanager
def native_chatter_silenced() -> Iterator[None]:
    """The runtimes greet on standard error, from C++ and with no setting against it."""
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
