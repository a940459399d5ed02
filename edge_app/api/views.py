"""How records look in JSON, the same for the HTTP API and the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from edge_app.index.format.records import ORIENTATIONS, ImageRecord, RejectedRecord
from edge_app.index.read.listing import Facets, Layout
from edge_app.index.read.rejections import Rejections
from edge_app.search.duplicates import Group
from edge_app.search.exact import Match

DAY_S = 24 * 3600


def text_of(path: str) -> str:
    """A path as text anybody can print: bytes that aren't UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def time_of(seconds: int) -> str:
    """Seconds since 1970 as an ISO time without zone, which is how cameras keep it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    except (OverflowError, ValueError):  # a file system's clock may be anywhere
        return "0001-01-01T00:00:00" if seconds < 0 else "9999-12-31T23:59:59"


def image_of(image: ImageRecord) -> dict[str, Any]:
    """The image object of the HTTP API."""
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
        "taken_at": time_of(image.taken_at),
        "taken_from": image.taken_from,
        "camera": image.camera,
        "orientation": ORIENTATIONS[image.orientation],
        "offline": image.offline,
        "thumb": f"thumbs/{image.id}?v={image.thumb_crc:08x}",
        "original": f"originals/{image.id}",
    }


def match_of(image: ImageRecord, match: Match, *, folded: bool) -> dict[str, Any]:
    """The image object with its score and, where the answer is collapsed, what is under it."""
    extra: dict[str, Any] = {"score": round(match.score, 7)}
    if folded:
        extra["folded"] = list(match.folded)
    return image_of(image) | extra


def group_of(group: Group, images: Iterable[ImageRecord]) -> dict[str, Any]:
    """Near-duplicates of one another, each with its score to the first."""
    members = {member.id: member for member in group.members}
    return {
        "exact": group.exact,
        "images": [
            image_of(image)
            | {
                "score": round(members[image.id].score, 7),
                "copy_of": members[image.id].copy_of,
            }
            for image in images
        ],
    }


def rejections_of(group: Rejections) -> dict[str, Any]:
    """Files that can't be used for one reason."""
    return {
        "reason": group.reason,
        "advice": group.advice,
        "count": group.count,
        "files": list(map(text_of, group.paths)),
    }


def rejected_of(file: RejectedRecord) -> dict[str, Any]:
    """A file that can't be used, and why."""
    return {"path": text_of(file.path), "bytes": file.size_bytes, "reason": file.reason}


def layout_of(layout: Layout, *, by_date: bool) -> dict[str, Any]:
    """Ids and proportions of a whole listing and, in an order by date, how many images each run
    of one day has."""
    days: list[list[Any]] = []
    if by_date and len(layout.ids):
        day = layout.taken_at // DAY_S
        starts = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
        counts = np.diff(starts, append=len(day))
        days = [
            [time_of(number * DAY_S)[:10], count]
            for number, count in zip(day[starts].tolist(), counts.tolist(), strict=True)
        ]
    return {
        "total": len(layout.ids),
        "ids": layout.ids.tolist(),
        "ratios": layout.ratios.tolist(),
        "days": days,
    }


def facets_of(facets: Facets) -> dict[str, Any]:
    """What there is to filter by."""
    span = (facets.taken_from, facets.taken_to)
    first, last = (None if seconds is None else time_of(seconds) for seconds in span)
    return {
        "formats": facets.formats,
        "orientations": facets.orientations,
        "from": first,
        "to": last,
    }
