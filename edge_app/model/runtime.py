"""The TFLite runtime that is installed, under whichever of its two names, and its delegate."""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from edge_app.config import Config
from edge_app.errors import DelegateError, ModelError, UsageError
from edge_app.model.trial import fault_of

log = logging.getLogger(__name__)

# tflite-runtime ended with CPython 3.11, ai-edge-litert continues. The newer kernels are about
# twice as fast, so they are taken where both are installed.
RUNTIMES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}

# tensorflow/lite/delegates/external/external_delegate_interface.h
ENTRY_POINTS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")


@dataclass(frozen=True, slots=True)
class Delegate:
    """A library that computes parts of a model in the runtime's place, on an accelerator say."""

    library: str
    options: dict[str, str]
    optional: bool = False  # where it fails, the processor will do

    @classmethod
    def parse(cls, text: str, *, optional: bool = False) -> Delegate:
        """FILE or FILE:KEY=VALUE,KEY=VALUE; what the keys mean is the library's business."""
        library, _, rest = text.partition(":")
        if not library:
            raise UsageError(f"--delegate {text!r} has no file name")
        options = {}
        for option in filter(None, rest.split(",")):
            key, equals, value = option.partition("=")
            if not (key and equals):
                raise UsageError(f"--delegate {text}: {option!r} is not KEY=VALUE")
            options[key] = value
        if os.path.exists(library):  # else the loader looks where the system keeps libraries
            library = os.path.abspath(library)
        return cls(library, options, optional)

    @classmethod
    def of(cls, config: Config) -> Delegate | None:
        """The one the settings ask for."""
        if config.delegate is None:
            return None
        return cls.parse(config.delegate, optional=config.delegate_optional)

    def load(self, module: Any) -> Any:
        """A new instance, as an interpreter of this runtime takes it."""
        try:
            # First without the runtime, whose own handle can't be closed after a failure.
            loaded = ctypes.CDLL(self.library)
            for name in ENTRY_POINTS:
                if not hasattr(loaded, name):
                    raise ValueError(f"it is not a TFLite delegate: it has no function {name}")
            return module.load_delegate(self.library, self.options)
        except (OSError, ValueError, RuntimeError) as error:
            # The runtime has a line of its own before what the library says.
            reason = reason_of(error, line=-1).removeprefix(f"{self.library}: ")
            raise DelegateError(f"delegate {self.library} can't be loaded: {reason}") from None


class Runtime:
    """Makes interpreters; safe to use from several threads.

    wanted: a key of RUNTIMES, or None for the first that is installed.
    trial: a model that has not been run here before is run by another process first.
    Raises ModelError where none is installed.
    """

    def __init__(
        self, wanted: str | None = None, delegate: Delegate | None = None, *, trial: bool = True
    ) -> None:
        self._wanted, self._trial = wanted, trial
        self._installed = installed_runtime(wanted)
        self._module = _interpreter_module(self._installed)
        self._delegate = delegate
        self._making = threading.Lock()
        self.delegate_failure: str | None = None  # why an optional delegate is not used

    @property
    def name(self) -> str:
        """Name and version, and the delegate in use, if any: what int8 results depend on."""
        if self._delegate is None:
            return self._installed
        return f"{self._installed} with {os.path.basename(self._delegate.library)}"

    def interpreter(self, content: bytes) -> Any:
        """An interpreter of a .tflite file for one thread, its tensors allocated. Raises
        DelegateError, and ModelError, RuntimeError or ValueError where the fault is the file's."""
        with self._making:
            if self._delegate:
                try:
                    return self._make(content, self._delegate)
                except DelegateError as error:
                    if not self._delegate.optional:
                        raise DelegateError(
                            f"{error}; to use the processor instead, add --delegate-optional"
                        ) from None
                    self.delegate_failure = f"{error}; the processor is used instead"
                    log.warning("%s", self.delegate_failure)
                    self._delegate = None
            return self._make(content)

    def _make(self, content: bytes, delegate: Delegate | None = None) -> Any:
        if self._trial:
            self._try_out(content, delegate)
            self._trial = False
        with _native_chatter_silenced():
            delegates = [delegate.load(self._module)] if delegate else None
            try:
                interpreter = self._module.Interpreter(
                    model_content=content, num_threads=1, experimental_delegates=delegates
                )
                interpreter.allocate_tensors()
            except (RuntimeError, ValueError) as error:
                if delegate:
                    raise DelegateError(
                        f"delegate {delegate.library} can't run the model: {reason_of(error)}"
                    ) from None
                raise
        return interpreter

    def _try_out(self, content: bytes, delegate: Delegate | None) -> None:
        """ModelError (with a delegate DelegateError) if the model ends the process that runs it."""
        library, options = (delegate.library, delegate.options) if delegate else (None, {})
        fault = fault_of(content, self.name, self._wanted, library, options)
        if fault and delegate:
            raise DelegateError(f"delegate {library} can't run the model, which {fault}")
        if fault:
            raise ModelError(f"{fault}; get it again, or convert it again")


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


def reason_of(error: Exception, line: int = 0) -> str:
    """One line of what a runtime's error says."""
    return (str(error).strip().splitlines() or ["no reason given"])[line]


def _interpreter_module(installed: str) -> Any:
    """The module that has `Interpreter` and `load_delegate`."""
    name, _, _ = installed.partition(" ")
    try:
        return importlib.import_module(f"{RUNTIMES[name]}.interpreter")
    except ImportError as error:
        raise ModelError(f"{installed} can't be imported: {error}; install it again") from None


@contextmanager
def _native_chatter_silenced() -> Iterator[None]:
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
