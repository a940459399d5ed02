"""How commands print: progress, a summary, matches."""

from __future__ import annotations

import csv
import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Self, get_args

from tqdm import tqdm

from edge_app.api.types.views import text_of
from edge_app.errors import printable
from edge_app.index.read.rejections import Rejections
from edge_app.indexing.plan import IndexReport, Progress
from edge_app.library.scan import LeftOut
from edge_app.search.gallery import Gallery
from edge_app.search.scale import Band, Scale
from edge_app.search.vectors.exact import Match

COUNTED = (
    "imported", "added", "updated", "moved", "removed", "offline", "rejected", "unchanged"
)  # fmt: skip


def cell(text: str) -> str:
    """Text as a CSV cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def summary(report: IndexReport) -> str:
    """What an index run did, in one line."""
    counts = ", ".join(
        f"{getattr(report, name)} {name}" for name in COUNTED if getattr(report, name)
    )
    rate = f", {report.images_per_s:.1f} images/s" if report.images_per_s else ""
    return f"{counts or 'nothing to do'} in {report.seconds:.1f} s{rate}"


SKIPPED: dict[LeftOut, str] = {
    "links": "symbolic links to folders are skipped; to read these folders: --follow-links",
    "marked": "folders are skipped because a .nomedia or .noindex is in them",
    "excluded": "files and folders are skipped because of --exclude",
    "names": "photos are skipped because their names are no plain paths",
    "unreadable": "files and folders can't be read; what is indexed of them stays",
}


def notes(report: IndexReport) -> Iterator[str]:
    """What a run did not look at, and why."""
    for drive in report.away:
        yield f"{drive.images} of them are on a drive that is not mounted: {_named(drive.folder)}"
    for skipped in report.skipped:
        example = f" (such as {_named(skipped.example)})" if skipped.example else ""
        yield f"{skipped.count} {SKIPPED[skipped.reason]}{example}"


def _named(path: str) -> str:
    return printable(text_of(path))


def print_rejections(groups: Iterable[Rejections]) -> None:
    """What could not be used, why, and what to do about it."""
    for group in groups:
        reason = printable(group.reason)
        print(f"{group.count} not usable: {reason}{f': {group.advice}' * bool(group.advice)}")
        for path in group.paths:
            print(f"  {printable(text_of(path))}")
        if group.count > len(group.paths):
            print(f"  and {group.count - len(group.paths)} more (--json lists all)")


class ProgressLine:
    """Shows an index run: JSON lines for a program, a bar on a terminal, else nothing."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._bar: tqdm | None = None
        self._shown = ""  # the state that the bar is of

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: Progress) -> None:
        if self._as_json:
            print(json.dumps({"progress": progress.as_json()}), flush=True)
        elif progress.state != "scanning" and progress.total:
            if self._bar is None or self._shown != progress.state:
                self.__exit__()
                self._bar = tqdm(
                    desc=progress.state, total=progress.total, unit="image", disable=None
                )
                self._shown = progress.state
            self._bar.update(progress.done - self._bar.n)


KIND_NAMES = {
    "identical": "identical files",
    "same": "the same picture",
    "alike": "alike",
}
KEEP_REASONS = {
    "date": "has the camera's date",
    "place": "has the place",
    "detail": "most real detail",
    "bytes": "largest file",
    "first": "no better one, came first",
}
UNKNOWN = "not known which to keep: an original can't be read"


def print_group(told: dict[str, Any], options: Namespace) -> None:
    """A group of near-duplicates, in the shape of the HTTP API."""
    if options.json:
        print(json.dumps(told))
        return
    note = f" ({UNKNOWN})" if told["keep_reason"] == "unknown" else ""
    print(f"{KIND_NAMES[told['kind']]}{note}:")
    for image in told["images"]:
        size = f"{image['width']} × {image['height']}, {image['bytes']} bytes"
        is_kept = image["id"] == told["keep"]
        keep = f"  keep: {KEEP_REASONS[told['keep_reason']]}" if is_kept else ""
        print(f"  {image['score']:.4f}  {printable(image['path'])}  ({size}){keep}")


def print_answer(
    gallery: Gallery,
    query: Sequence[str],
    matches: Sequence[Match],
    scale: Scale | None,
    options: Namespace,
) -> None:
    """The matches of one query, which is named by these texts: as lines, CSV or JSON."""
    named = query[0] if len(query) == 1 else list(query)
    rows = [_row(gallery, match, scale, options.collapse) for match in matches]
    if options.json:
        told = None if scale is None else asdict(scale)
        print(json.dumps({"query": named, "matches": rows, "scale": told}))
    elif options.csv:
        writer = csv.writer(sys.stdout)
        for rank, row in enumerate(rows, 1):
            named_in = cell(" ".join(query))
            values = named_in, rank, row["id"], row["score"], cell(row["path"]), row["band"]
            writer.writerow(values)
    else:
        print(f"{printable(' '.join(query))}:")
        for row in rows:
            more = f"  (+{len(row['folded'])})" if row.get("folded") else ""
            band = f"{_BAND_NAMES[row['band']]:<15} " if row["band"] else ""
            raws = "".join(f"  and {printable(name)}" for name in row["raws"])
            print(f"  {row['score']:.4f}  {band}{printable(row['path'])}{raws}{more}")
        if scale and scale.similar is None:
            print(
                f"note: {scale.pairs} pairs of photos are too few to say which scores are high",
                file=sys.stderr,
            )


_BAND_NAMES = {name: name.replace("_", " ") for name in get_args(Band)}


def _row(gallery: Gallery, match: Match, scale: Scale | None, collapse: bool) -> dict[str, Any]:
    image = gallery.reader.image(match.id)
    row = {
        "id": match.id,
        "path": text_of(image.path),
        "score": round(match.score, 7),
        "band": scale.band(match.score) if scale else None,
        "raws": list(map(text_of, image.raws)),
    }
    return row | ({"folded": list(match.folded)} if collapse else {})
