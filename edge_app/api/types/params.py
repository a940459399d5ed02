"""Checked values of a request, as the search takes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edge_app.api.types.requests import Filters, Ranking
from edge_app.errors import UsageError
from edge_app.index.read.filters import Filter
from edge_app.photos import regions
from edge_app.photos.regions import Box

FORMATS_MAX = 50  # of a filter: more than there are, and the counts of filters are kept


def ids_of(text: str | None, most: int) -> list[int]:
    """Numbers with commas between, each once."""
    ids = list(dict.fromkeys(map(int, text.split(",")))) if text else []
    if len(ids) > most or any(not 0 < id < 2**63 for id in ids):
        raise UsageError(f"ids is not a list of at most {most} image ids")
    return ids


def box_of(text: str | None) -> Box | None:
    """A region of an image, from "x,y,w,h": fractions of the upright image."""
    if text is None:
        return None
    return regions.box_of(text.split(","), text)


def filter_of(request: Filters) -> Filter:
    """Which images may be listed or found."""
    return Filter(
        folder=request.folder,
        taken_from=_time("from", request.from_, end=False),
        taken_to=_time("to", request.to, end=True),
        formats=_formats(request.format) if request.format else None,
        orientation=request.orientation,
        undated=request.undated,
        min_score=request.min_score if isinstance(request, Ranking) else None,
    )


def _formats(names: str) -> frozenset[str]:
    if names.count(",") >= FORMATS_MAX:
        raise UsageError(f"format has over {FORMATS_MAX} names")
    return frozenset(names.upper().split(","))


def _time(name: str, value: str | None, *, end: bool) -> int | None:
    """Seconds since 1970 of an ISO date or time without zone; a date's `end` is its last second."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"{name} {value!r} is not a date such as 2019-05-04") from None
    if end and len(value) <= len("2019-05-04"):
        time += timedelta(days=1, seconds=-1)
    return int(time.timestamp())
