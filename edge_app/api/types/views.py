"""What the index knows, in the shapes of the HTTP API; the command line prints them too."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET

from edge_app.api.types import shapes
from edge_app.index.format.records import ORIENTATIONS, UNDATED, ImageRecord, RejectedRecord
from edge_app.index.read.listing import Facets, Layout
from edge_app.index.read.rejections import Rejections
from edge_app.search.alike.duplicates import Group
from edge_app.search.alike.keep import Keep
from edge_app.search.scale import Scale
from edge_app.search.vectors.exact import Match

DAY_S = 24 * 3600


def text_of(path: str) -> str:
    """A path as text anybody can print: bytes that aren't UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def time_of(seconds: int) -> str:
    """Seconds since 1970 as an ISO time without zone, which is how cameras keep it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    except (OverflowError, ValueError, OSError):  # a file system's clock may be anywhere
        return "0001-01-01T00:00:00" if seconds < 0 else "9999-12-31T23:59:59"


def version_of(image: ImageRecord) -> str:
    """Another text when the picture of an image is another: for URLs that are cached for ever."""
    return f"{image.thumb_crc:08x}"


def as_json(shape: shapes.Shape) -> Any:
    """What `json.dumps` takes."""
    return msgspec.to_builtins(shape)


def image_of(image: ImageRecord) -> shapes.Image:
    return shapes.Image(**_facts(image))


def match_of(
    image: ImageRecord, match: Match, scale: Scale | None, *, folded: bool
) -> shapes.Match:
    """An image with its score and, where the answer is collapsed, what is folded under it."""
    below = list(match.folded) if folded else UNSET
    band = scale.band(match.score) if scale else None
    return shapes.Match(**_facts(image), score=round(match.score, 7), band=band, folded=below)


def scale_of(scale: Scale | None) -> shapes.Scale | None:
    """Where the bands of an answer's scores begin."""
    return None if scale is None else shapes.Scale(**asdict(scale))


def group_of(group: Group, images: Iterable[ImageRecord], keep: Keep | None = None) -> shapes.Group:
    """Near-duplicates of one another, each with its score with the first, and the one to keep."""
    members = {member.id: member for member in group.members}
    copies = [
        shapes.Copy(
            **_facts(image),
            score=round(members[image.id].score, 7),
            copy_of=members[image.id].copy_of,
        )
        for image in images
    ]
    return shapes.Group(
        kind=group.kind,
        exact=group.kind == "identical",
        keep=keep.id if keep else None,
        keep_reason=keep.reason if keep else None,
        images=copies,
    )


def rejected_of(file: RejectedRecord) -> shapes.RejectedFile:
    return shapes.RejectedFile(path=text_of(file.path), bytes=file.size_bytes, reason=file.reason)


def rejections_of(group: Rejections) -> shapes.Rejections:
    return shapes.Rejections(
        reason=group.reason,
        advice=group.advice,
        count=group.count,
        files=list(map(text_of, group.paths)),
    )


def layout_of(layout: Layout, total: int, *, by_date: bool) -> shapes.Layout:
    """Ids and proportions of images of a listing of `total` and, in an order by date, how many each
    run of one day has; photos without a date are the last run, whose day is None."""
    days: list[list[str | int | None]] = []
    if by_date and len(layout.ids):
        dated = int(np.count_nonzero(layout.taken_at != UNDATED))
        day = layout.taken_at[:dated] // DAY_S
        starts = np.flatnonzero(np.diff(day, prepend=day[:1] - 1))
        counts = np.diff(starts, append=len(day))
        days = [
            [time_of(number * DAY_S)[:10], count]
            for number, count in zip(day[starts].tolist(), counts.tolist(), strict=True)
        ]
        if dated < len(layout.ids):
            days.append([None, len(layout.ids) - dated])
    return shapes.Layout(
        total=total, ids=layout.ids.tolist(), ratios=layout.ratios.tolist(), days=days
    )


def facets_of(facets: Facets) -> shapes.Facets:
    span = (facets.taken_from, facets.taken_to)
    first, last = (None if seconds is None else time_of(seconds) for seconds in span)
    return shapes.Facets(
        formats=list(map(list, facets.formats)),
        orientations=list(map(list, facets.orientations)),
        from_=first,
        to=last,
        undated=facets.undated,
    )


def _facts(image: ImageRecord) -> dict[str, Any]:
    """The keys of `shapes.Image`."""
    path = text_of(image.path)
    folder, _, name = path.rpartition("/")
    return {
        "id": image.id,
        "path": path,
        "name": name,
        "folder": folder,
        "width": image.width_px,
        "height": image.height_px,
        "bytes": image.size_bytes,
        "format": image.format,
        "taken_at": None if image.taken_at is None else time_of(image.taken_at),
        "taken_from": image.taken_from,
        "modified_at": time_of(image.mtime_ns // 10**9),
        "camera": image.camera,
        "note": image.note,
        "orientation": ORIENTATIONS[image.orientation],
        "offline": image.offline,
        "thumb": f"thumbs/{image.id}?v={version_of(image)}",
        "preview": f"previews/{image.id}?v={version_of(image)}",
        "original": f"originals/{image.id}",
        "raws": [
            shapes.RawFile(name=text_of(name), original=f"originals/{image.id}?raw={number}")
            for number, name in enumerate(image.raws, 1)
        ],
    }
