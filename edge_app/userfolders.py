"""Where things of this user are: states, data and caches by the XDG base directories, and the
pictures.

https://specifications.freedesktop.org/basedir-spec/latest/
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from edge_app.answering import real_path

_NAME_CHARACTERS = 40  # of an index folder's name, so that every file system takes it


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


def cache_folder() -> Path:
    """What can be made again, of this user and device."""
    return _home("XDG_CACHE_HOME", ".cache") / "lookalike"


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
