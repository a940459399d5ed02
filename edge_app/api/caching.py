"""What a client may keep of an answer, and whether it has it already: Cache-Control, ETags and
If-None-Match (RFC 9110, 13; RFC 9111).

The tag itself is made where the answer is: of JSON in `answers.tagged`, of an original in
`files.originals`, of a thumbnail and a preview in their routes. `guard.compress` marks the tag of
what it has gzipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

YEAR_S = 365 * 24 * 3600


def is_known(tag: str, environ: Mapping[str, Any]) -> bool:
    """Whether the request says that the client has this very version already."""
    # From the environment: Bottle's own look-up raises where a header is not UTF-8.
    known = environ.get("HTTP_IF_NONE_MATCH", "")
    return any(part.strip().removeprefix("W/") in (tag, "*") for part in known.split(","))


def cache_control(*, immutable: bool) -> str:
    """The header of a picture. The page asks with its version in the URL, and what is under that
    never changes: it is `immutable`."""
    return f"private, max-age={YEAR_S}, immutable" if immutable else "private, no-cache"
