"""What a listing of another machine says, made into photos; none of it is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from edge_app.errors import LibraryError
from edge_app.library.rules import MARKERS, Rules, folders_of, is_image_name, is_others_folder
from edge_app.library.scan import FoundFile, Scan

OBJECTS = 2_000_000  # listed at most: a hundred times a large library, and 400 MB of names
NAME_BYTES = 1024  # S3's own limit for a whole key
SIZE_BYTES = 2**63 - 1  # of a file anywhere, and the largest number that an index has

# Controls, ends of lines and paragraphs, halves of characters. Not all that `isprintable` refuses:
# macOS writes a narrow blank into the names of screenshots, emoji and WhatsApp use joiners.
_NOT_ONE_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def listed(entries: Iterable[Any], rules: Rules, label: str) -> Scan:
    """The photos among the entries of a listing."""
    found = Scan(rules=rules)
    seen: set[str] = set()
    for count, entry in enumerate(entries):
        if count >= OBJECTS:
            raise LibraryError(
                f"{label} has more than {OBJECTS:,} objects; name a folder of it with --gallery"
            )
        path, about = entry.path, entry.metadata
        if path.rpartition("/")[2] in MARKERS and is_plain(path):
            found.marked.add(path.rpartition("/")[0])
        if not about.is_file or not is_image_name(path.rpartition("/")[2]):
            continue
        is_size = 0 <= about.content_length <= SIZE_BYTES
        if not is_plain(path) or path in seen or not is_size:
            found.refused.add(ascii(path)[:200])
            continue
        if rules.leaves_out(path):
            if rules.excludes_on_way(path):
                found.excluded.add(path)
            continue
        seen.add(path)
        found.files.append(
            FoundFile(path, int(about.content_length), time_ns(about), version_of(about))
        )
    found.marked.discard("")  # the root is read all the same
    if found.marked:
        found.files = [f for f in found.files if found.marked.isdisjoint(folders_of(f.path))]
    found.files.sort(key=lambda file: file.path)
    return found


def is_folder_below(entry: Any, folder: str) -> bool:
    """Whether an entry of a folder's listing is a folder in it that may have photos."""
    path: str = entry.path
    return (
        bool(entry.metadata.is_dir)
        and path.startswith(folder)
        and is_plain(path.rstrip("/"))
        and not is_others_folder(path.rstrip("/"))
    )


def is_plain(path: str) -> bool:
    """Whether a listed name is a path below the root, and can be written in one line."""
    return (
        len(path.encode(errors="replace")) <= NAME_BYTES
        and {"", ".", ".."}.isdisjoint(path.split("/"))
        and not _NOT_ONE_LINE.search(path)
    )


def time_ns(about: Any) -> int:
    """To the second: some services tell more in a listing than of the object."""
    return 0 if about.last_modified is None else int(about.last_modified.timestamp()) * 10**9


def version_of(about: Any) -> str:
    """What a service tells versions of an object apart by (`FoundFile.version`), or ""."""
    etag = (about.etag or "").removeprefix("W/").strip('"')
    return f"{etag} {about.version}" if about.version else etag
