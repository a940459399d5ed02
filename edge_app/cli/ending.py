"""How a command ends that is told to."""

from __future__ import annotations

import signal


def end_clean(*_: object) -> None:
    """On SIGTERM: what is open is closed on the way out."""
    raise SystemExit(128 + signal.SIGTERM)


def end_at_once() -> None:
    """Ctrl-C ends the process without a word, until `take_ctrl_c`. For the time while modules are
    loaded: nothing is open yet, and there KeyboardInterrupt can be a traceback, or get lost."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def take_ctrl_c() -> None:
    """Ctrl-C is KeyboardInterrupt again, so that what is open is closed."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
