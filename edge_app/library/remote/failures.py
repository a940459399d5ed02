"""What went wrong between us and a service that opendal asks, in words for its user.

None of opendal's own text is shown: it has addresses, and may have keys."""

from __future__ import annotations

import re

NOTHING = "there is no such bucket or folder"
# What S3 says beside the status, and what that means to its user.
_CODES = {
    "RequestTimeTooSkewed": "the clock of this device is wrong; set it",
    "ExpiredToken": "its keys have expired",
    "InvalidToken": "it refuses these keys; look at --gallery-config or the environment",
    "PermanentRedirect": "its bucket is in another region; set region or endpoint",
    "AuthorizationHeaderMalformed": "its bucket is in another region; set region or endpoint",
}
_STATUS = re.compile(r"status: (\d{3})")


def reason_of(error: BaseException, timeout_s: float) -> str:
    """Why a source can't be reached, and what to do."""
    kind, status, text = kind_of(error), status_of(error), str(error)
    if code := next((code for code in _CODES if code in text), None):
        return _CODES[code]
    if is_refusal(error):
        return "it refuses these keys; look at --gallery-config or the environment"
    if kind == "NotFound" or status == 404 or "NoSuchBucket" in text:
        return NOTHING
    if kind == "ConfigInvalid":
        return "its settings are not complete; see docs/remote.md"
    if "dns error" in text:
        return "its host name is not known; check the address and the network"
    if "timeout" in text:
        return f"it did not answer within {timeout_s:g} s"
    if "Connect" in text:
        return "no connection; check the address and the network"
    if status in (429, 503):
        return "it is too busy; the next run tries again"
    return "it does not answer as it should"


def is_failure(error: BaseException) -> bool:
    """Whether opendal failed. Where it panics, as of a share that lists other paths than it was
    asked for (0.47.12), what it raises is no Exception."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def status_of(error: BaseException) -> int | None:
    """The HTTP status that a service answered with, if opendal tells it."""
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def kind_of(error: BaseException) -> str:
    """What went wrong, in opendal's words; an open object tells it in an OSError's text only."""
    name = type(error).__name__
    return str(error).partition(" ")[0] if name == "OSError" else name


def is_refusal(error: BaseException) -> bool:
    """Whether these keys are not allowed to."""
    return kind_of(error) == "PermissionDenied" or status_of(error) in (401, 403)


def is_temporary(error: BaseException) -> bool:
    """Whether opendal would try, or has tried, again."""
    return "(temporary)" in str(error) or "(persistent)" in str(error)
