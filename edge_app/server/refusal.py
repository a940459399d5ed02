"""The API's error shape, for answers that no route made."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

RETRY_S = 1  # for a 503 without a better guess

# As errors.py has them, and those whose names Python 3.13 changed: a code is the same everywhere.
CODES = {
    413: "too_large",
    414: "request_uri_too_long",
    416: "requested_range_not_satisfiable",
    422: "unprocessable_entity",
    431: "too_large",
    500: "failed",
    503: "busy",
}


def status_line(status: int) -> str:
    """`413 Request Entity Too Large`"""
    return f"{status} {HTTPStatus(status).phrase}"


def refusal(
    status: int,
    message: str,
    headers: Iterable[tuple[str, str]] = (),
    code: str | None = None,
) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of a refusal: `{"error": {"code", "message"}}`."""
    code = code or CODES.get(status) or HTTPStatus(status).name.lower()
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    all_headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        *headers,
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        all_headers.append(("Retry-After", str(RETRY_S)))
    return all_headers, body


def refuse(
    start_response: StartResponse,
    status: int,
    message: str,
    headers: Iterable[tuple[str, str]] = (),
    code: str | None = None,
) -> list[bytes]:
    """Answer a WSGI request with a refusal."""
    all_headers, body = refusal(status, message, headers, code)
    start_response(status_line(status), all_headers)
    return [body]
