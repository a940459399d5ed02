"""Where things of this user are: states and data by the XDG base directories, and the pictures;
and whether a place answers at all.

https://specifications.freedesktop.org/basedir-spec/latest/
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path

_NAME_CHARACTERS = 40  # of an index folder's name, so that every file system takes it

ANSWER_S = 20.0  # a disk that sleeps takes 10; of a share that takes longer the server is gone
_looks: dict[str, tuple[threading.Thread, float]] = {}  # under way, and until when to wait
_looking = threading.Lock()


def answers(folder: str | os.PathLike[str]) -> bool:
    """Whether opening a folder comes to an end, whatever that is: on a share whose server is gone
    it never does. Takes ANSWER_S then; who asks again while that look hangs is told at once."""
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


def index_of(library: Path) -> Path:
    """The index folder of a photo folder: named after it, one for each path."""
    place = Path(real_path(library))
    name = re.sub(r"[^\w.-]+", "_", place.name)[:_NAME_CHARACTERS].strip("._") or "photos"
    return indexes_folder() / f"{name}-{hashlib.sha256(os.fsencode(place)).hexdigest()[:8]}"


def indexes_folder() -> Path:
    """Where `index_of` puts them."""
    return _home("XDG_STATE_HOME", ".local/state") / "lookalike"


def models_folder() -> Path:
    """The user's own models."""
    return _home("XDG_DATA_HOME", ".local/share") / "lookalike/models"


def pictures_folder() -> Path | None:
    """The folder that the desktop calls the user's pictures, None if it is not there."""
    try:
        settings = (_home("XDG_CONFIG_HOME", ".config") / "user-dirs.dirs").read_text()
    except (OSError, ValueError):
        settings = ""
    named = re.search(r'^XDG_PICTURES_DIR="(?:\$HOME/)?(.*)"$', settings, re.MULTILINE)
    folder = _user_home() / (named[1] if named else "Pictures")
    return folder if folder.is_dir() and folder != _user_home() else None


def _home(variable: str, default: str) -> Path:
    """A base directory; as the specification says, a relative path counts as none."""
    named = os.environ.get(variable, "")
    return Path(named) if os.path.isabs(named) else _user_home() / default


def _user_home() -> Path:
    """Debian's name for no home where there is none, as for a user of a container with a number
    only."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")
