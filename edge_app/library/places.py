"""What `--gallery` says: which sources there are, and under which names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from edge_app.answering import answers, real_path
from edge_app.config import Config, Place
from edge_app.errors import UsageError
from edge_app.library.mounts import place_on_disk

SCHEMES = ("s3", "webdav", "webdavs", "az", "gs")
NAME_BYTES = 255  # as of a file

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SEPARATOR = "\0"  # between the places of a text; no path and no URL has one


def parse(text: str) -> Place:
    """The place that `[NAME=]ROOT` names."""
    name, equals, root = text.partition("=")
    if not equals or is_url(name) or ("/" in name and (name[0] in "./" or os.path.exists(text))):
        return Place("", text)
    if not name:
        raise UsageError(f"--gallery {shown(text)}: write it as NAME=FOLDER")
    # A shell does it only for what begins with it.
    return Place(name, root if is_url(root) else os.path.expanduser(root))


def settings(places: Sequence[Place]) -> dict[str, Any]:
    """Places as values of `Config`; UsageError says what is wrong with which."""
    for place in places:
        _check(place)
        if len(places) > 1 and not place.name:
            raise UsageError(
                f"--gallery {shown(place.root)}: several photo folders need names, such as "
                f"--gallery photos={shown(place.root)}"
            )
    _refuse_overlaps(places)
    if len(places) == 1 and not places[0].name and not is_url(places[0].root):
        return {"gallery": Path(places[0].root)}
    return {"sources": tuple(places)} if places else {}


def arguments(config: Config) -> list[str]:
    """The arguments that name these places again."""
    words = []
    for name, root in config.places:
        if name:
            words += ["--gallery", f"{name}={root}"]
        else:  # a "=" in it is no sign of a name
            words += ["--gallery", os.path.abspath(root) if "=" in root else root]
    return words


def where(config: Config) -> str:
    """The places, for messages."""
    return ", ".join(shown(root) for _, root in config.places)


def is_url(root: str) -> bool:
    """Whether a root is elsewhere."""
    return _URL.match(root) is not None


def shown(root: str) -> str:
    """A root for messages: what may be a secret is left out."""
    if not is_url(root):
        return root
    url = urlsplit(root)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def unescaped(root: str) -> str:
    """A URL with plain characters in its path, however a user copied it. In the address of a share
    %20 is a blank; in a key of a bucket it is three characters, as its programs have it."""
    return unquote(root) if root.lower().startswith(("webdav://", "webdavs://")) else root


def text_of_roots(roots: Iterable[tuple[str, str]]) -> str:
    """Names and roots as one text, which `roots_in` reads; of one without a name its root."""
    return _SEPARATOR.join(f"{name}={root}" if name else root for name, root in sorted(roots))


def roots_in(text: str) -> dict[str, str]:
    """Roots by name."""
    found = {}
    for part in text.split(_SEPARATOR):
        named = not part.startswith("/") and not is_url(part) and "=" in part
        name, _, root = part.partition("=") if named else ("", "", part)
        found[name] = root
    return found


def renames(before: str, now: str) -> dict[str, str]:
    """The new name of each source that has another than before, by its old one; "" is no name."""
    names = {root: name for name, root in roots_in(now).items()}
    pairs = [(name, names.get(root, name)) for name, root in roots_in(before).items()]
    return {old: new for old, new in pairs if old != new}


def renamed(path: str, renames: dict[str, str]) -> str:
    """A path of the library under the new name of its source."""
    name, slash, inner = path.partition("/")
    if "" in renames:  # it was the only one, and paths had no name
        name, slash, inner = "", "/", path
    if not slash or name not in renames:
        return path
    return f"{renames[name]}/{inner}" if renames[name] else inner


def _check(place: Place) -> None:
    name, root = place
    if "/" in name:
        raise UsageError(
            f"--gallery {name}=…: a name can't have a slash; choose another, or write ./ before a "
            "folder that has an equals sign"
        )
    if name in (".", "..") or len(os.fsencode(name)) > NAME_BYTES or not (name + "x").isprintable():
        raise UsageError(f"--gallery: {name!r} can't be the name of a source")
    if not root or "\0" in root:
        given = f"{name}=" if name else "''"
        raise UsageError(f"--gallery {given}: name a folder or a URL")
    if is_url(root):
        _check_url(root)


def _check_url(root: str) -> None:
    try:
        url = urlsplit(root)
        _ = url.port
    except ValueError:
        raise UsageError("--gallery: this is not a URL; write it as s3://bucket/folder") from None
    if url.scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise UsageError(
            f"--gallery {shown(root)}: {url.scheme}:// is not known; use a folder, or one of "
            f"{known}; for all else see docs/remote.md"
        )
    if "@" in url.netloc or url.query or url.fragment:
        raise UsageError(
            f"--gallery {shown(root)}: a URL has no user, password or ? part here, as other users "
            "can read arguments; put them into the file of --gallery-config"
        )
    if not url.netloc:
        raise UsageError(f"--gallery {shown(root)}: its bucket or host is missing")
    plain = unescaped(root)
    if {".", ".."} & set(plain.split("/")) or not plain.isprintable():
        raise UsageError(f"--gallery {shown(root)!r} is not a plain path")


def _refuse_overlaps(places: Sequence[Place]) -> None:
    whereabouts = [_places(place.root) for place in places]
    for number, one in enumerate(places):
        for other, theirs in zip(places[:number], whereabouts, strict=False):
            if one.name == other.name:
                raise UsageError(f"--gallery: two sources have the name {one.name}")
            if any(map(_is_inside, whereabouts[number], theirs)):
                raise UsageError(
                    f"--gallery: {one.name} ({shown(one.root)}) and {other.name} "
                    f"({shown(other.root)}) overlap; one would have the photos of the other twice"
                )


def _places(root: str) -> list[list[str]]:
    """The parts of a root's path, and of the folder on its disk that this is."""
    if is_url(root):
        return [[part for part in unescaped(root).split("/") if part]]
    real = real_path(root)
    return [["/", *Path(real).parts], ["", *place_on_disk(real)] if answers(root) else [root]]


def _is_inside(one: list[str], other: list[str]) -> bool:
    """Whether one of them is the other, or in it."""
    return all(map(str.__eq__, one, other))
