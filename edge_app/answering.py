"""Whether a folder answers at all: one on a share whose server is gone never does, and whoever asks
for anything there waits for ever."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

ANSWER_S = 18.0  # a disk that sleeps takes 10; of a share that takes longer the server is gone
# Of this process, as its threads are: looks under way, and until when to wait for each.
_looks: dict[str, tuple[threading.Thread, float]] = {}
_looking = threading.Lock()


def answers(folder: str | os.PathLike[str]) -> bool:
    """Whether opening a folder and asking for its state comes to an end, whatever that is."""
    return not silent([os.fspath(folder)])


def silent(folders: Iterable[str]) -> set[str]:
    """Those of the folders that do not answer. Takes ANSWER_S then, however many they are; who asks
    again while that look hangs is told at once."""
    looks = {folder: _looking_at(folder) for folder in folders}
    for look, until_s in looks.values():
        look.join(max(0.0, until_s - time.monotonic()))
    return {folder for folder, (look, _) in looks.items() if look.is_alive()}


def _looking_at(folder: str) -> tuple[threading.Thread, float]:
    with _looking:
        look, until_s = _looks.get(folder, (None, 0.0))
        if look is None or not look.is_alive():
            look = threading.Thread(target=_look, args=(folder,), name="look", daemon=True)
            look.start()
            until_s = time.monotonic() + ANSWER_S
            _looks[folder] = look, until_s
    return look, until_s


def _look(folder: str) -> None:
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # sshfs knows folders by heart for 20 s and longer; how full the disk is it has to ask.
            os.fstatvfs(file)
            os.fstat(file)
        finally:
            os.close(file)


def real_path(folder: str | os.PathLike[str]) -> str:
    """The absolute path of a folder without links; as it is written where it does not answer."""
    return os.path.realpath(folder) if answers(folder) else os.path.abspath(folder)
