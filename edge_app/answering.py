"""Whether a folder answers at all: one on a share whose server is gone never does, and whoever asks
for anything there waits for ever."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

ANSWER_S = 20.0  # a disk that sleeps takes 10; of a share that takes longer the server is gone
# Of this process, as its threads are: looks under way, and until when to wait for each.
_looks: dict[str, tuple[threading.Thread, float]] = {}
_looking = threading.Lock()


def answers(folder: str | os.PathLike[str]) -> bool:
    """Whether opening a folder comes to an end, whatever that is. Takes ANSWER_S where it does not;
    who asks again while that look hangs is told at once."""
    name = os.fspath(folder)
    with _looking:
        look, until_s = _looks.get(name, (None, 0.0))
        if look is None or not look.is_alive():
            look = threading.Thread(target=_look, args=(name,), name="look", daemon=True)
            look.start()
            until_s = time.monotonic() + ANSWER_S
            _looks[name] = look, until_s
    look.join(max(0.0, until_s - time.monotonic()))
    return not look.is_alive()


def _look(folder: str) -> None:
    with suppress(OSError):
        os.close(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))


def real_path(folder: str | os.PathLike[str]) -> str:
    """The absolute path of a folder without links; as it is written where it does not answer."""
    return os.path.realpath(folder) if answers(folder) else os.path.abspath(folder)
