"""Values from a request's query string, form or JSON; whatever does not fit is a UsageError."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from edge_app.errors import UsageError
from edge_app.index.read.filters import Filter
from edge_app.photos.regions import Box


def integer(values: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    """A whole number within least…most."""
    text = values.get(name, default)
    try:
        if isinstance(text, bool | float):
            raise ValueError
        value = int(text)
    except (ValueError, TypeError):
        raise UsageError(f"{name} {text!r} is not a whole number") from None
    if not least <= value <= most:
        raise UsageError(f"{name} {value} is not between {least} and {most}")
    return value


def number(values: Mapping[str, Any], name: str, default: float | None) -> float | None:
    """A finite number."""
    text = values.get(name)
    if text is None or text == "":
        return default
    try:
        value = float(text)
    except (ValueError, TypeError, OverflowError):  # JSON may hold a whole number of 4,300 digits
        value = math.nan
    if isinstance(text, bool) or not math.isfinite(value):
        raise UsageError(f"{name} {text!r} is not a number")
    return value


def flag(values: Mapping[str, Any], name: str) -> bool:
    """Whether `name` is given and not 0."""
    return values.get(name, "") not in ("", "0", 0, "false", False, None)


def text(values: Mapping[str, Any], name: str) -> str | None:
    """A text, None where it is absent or empty."""
    value = values.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise UsageError(f"{name} {value!r} is not a text")
    return value


def ids(values: Mapping[str, Any], name: str, most: int) -> list[int]:
    """A list of image ids: a JSON list, or numbers with commas between."""
    value = values.get(name) or []
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or len(parts) > most:
        raise UsageError(f"{name} is not a list of at most {most} image ids")
    try:
        if any(isinstance(part, bool | float) for part in parts):
            raise ValueError
        numbers = [int(part) for part in parts]
    except (ValueError, TypeError):
        raise UsageError(f"{name} holds something that is no image id") from None
    if any(not 0 < value < 2**63 for value in numbers):
        raise UsageError(f"{name} holds a number that is no image id")
    return list(dict.fromkeys(numbers))


def box(values: Mapping[str, Any]) -> Box | None:
    """A region of an image, from "x,y,w,h" or a list of four: fractions of the upright image."""
    value = values.get("box")
    if value is None or value == "":
        return None
    parts = value.split(",") if isinstance(value, str) else value
    try:
        region = Box(*(float(part) for part in parts))
    except (ValueError, TypeError, OverflowError):
        raise UsageError(f"box {value!r} is not four numbers x,y,w,h") from None
    # Browsers round: a box may reach over the edge by less than a pixel of any image we accept.
    over = max(region.x + region.w, region.y + region.h) - 1
    if not (region.x >= 0 and region.y >= 0 and region.w > 0 and region.h > 0 and over <= 1e-6):
        raise UsageError(f"box {value!r} is not inside the image: x,y,w,h are fractions of it, 0…1")
    return region


def filters(values: Mapping[str, Any]) -> Filter:
    """The filters every listing and search knows: folder, from, to, format, orientation,
    min_score."""
    formats = text(values, "format")
    return Filter(
        folder=text(values, "folder"),
        taken_from=_time(values, "from", end=False),
        taken_to=_time(values, "to", end=True),
        formats=frozenset(formats.upper().split(",")) if formats else None,
        orientation=text(values, "orientation"),
        min_score=number(values, "min_score", None),
    )


def _time(values: Mapping[str, Any], name: str, *, end: bool) -> int | None:
    """Seconds since 1970 of an ISO date or time without zone; a date's `end` is its last second."""
    value = text(values, name)
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"{name} {value!r} is not a date such as 2019-05-04") from None
    if end and len(value) <= len("2019-05-04"):
        time += timedelta(days=1, seconds=-1)
    return int(time.timestamp())
