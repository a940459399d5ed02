"""What a client may keep of an answer, whether it has it already, and whether it is still the one
that the client means: Cache-Control, ETags and conditions (RFC 9110, 13; RFC 9111).

The tag itself is made where the answer is: of JSON in `answers.tagged`, of an original in
`files.originals`, of a thumbnail and a preview in their routes. `guard.compress` marks the tag of
what it has gzipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

YEAR_S = 365 * 24 * 3600


def is_known(tag: str, environ: Mapping[str, Any]) -> bool:
    """Whether the request says that the client has this very version already."""
    # From the environment: Bottle's own look-up raises where a header is not UTF-8.
    known = environ.get("HTTP_IF_NONE_MATCH", "")
    return any(part.strip().removeprefix("W/") in (tag, "*") for part in known.split(","))


def is_unmodified(changed_s: float, environ: Mapping[str, Any]) -> bool:
    """Whether the client has what is as old as this; a tag, which tells more, takes precedence."""
    since_s = _seconds(environ.get("HTTP_IF_MODIFIED_SINCE"))
    return since_s is not None and "HTTP_IF_NONE_MATCH" not in environ and int(changed_s) <= since_s


def is_another(tag: str, changed_s: float, environ: Mapping[str, Any]) -> bool:
    """Whether the client asks for a version that is no more: 412."""
    wanted = environ.get("HTTP_IF_MATCH")
    if wanted is not None:
        return not any(part.strip() in (tag, "*") for part in wanted.split(","))
    since_s = _seconds(environ.get("HTTP_IF_UNMODIFIED_SINCE"))
    return since_s is not None and int(changed_s) > since_s


def _seconds(date: str | None) -> float | None:
    """Of the header's date; None where it is none, and is ignored (RFC 9110, 13.1.3)."""
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None


def cache_control(*, immutable: bool) -> str:
    """The header of a picture. The page asks with its version in the URL, and what is under that
    never changes: it is `immutable`."""
    return f"private, max-age={YEAR_S}, immutable" if immutable else "private, no-cache"
