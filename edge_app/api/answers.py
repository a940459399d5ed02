"""What every route does alike: a request in, an answer of a shape or an error out."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, TypeVar

import bottle
import msgspec
from bottle import HTTPResponse, request, response

from edge_app.api.caching import is_known
from edge_app.api.types import requests
from edge_app.api.types.shapes import Shape
from edge_app.errors import EdgeAppError, LimitError, UsageError
from edge_app.server.bounds import BOUNDS
from edge_app.server.refusal import refusal

log = logging.getLogger(__name__)

T = TypeVar("T", bound=requests.Request)


def asked(kind: type[T]) -> T:
    """The request in the query string; Bottle leaves its UTF-8 undecoded."""
    try:
        values = request.query.decode()
    except UnicodeDecodeError:
        raise UsageError("the query string is not UTF-8") from None
    return requests.read(kind, values)


def json_body(kind: type[T]) -> T:
    """The request in a JSON body."""
    # Not Bottle's `request.body`, which keeps larger ones in temporary files.
    body = request.environ["wsgi.input"].read(BOUNDS.body_bytes + 1)
    if len(body) > BOUNDS.body_bytes:  # it came as a form, which may be larger
        raise LimitError(f"the body is over the limit of {BOUNDS.body_bytes} bytes")
    try:
        values = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError("the body is neither a JSON object nor multipart/form-data")
    return requests.read(kind, values)


def tagged(shape: Shape) -> HTTPResponse:
    """JSON that a browser may keep, asking each time whether it still holds."""
    body = msgspec.json.encode(shape)
    tag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
    headers = {"Content-Type": "application/json", "ETag": tag, "Cache-Control": "no-cache"}
    if is_known(tag, request.environ):
        return HTTPResponse(status=304, headers=headers)
    return HTTPResponse(body, headers=headers)


def answered(route: Callable[..., Any]) -> Callable[..., Any]:
    """Bottle plugin: shapes and known errors become their JSON; others are logged and are 500."""

    @functools.wraps(route)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = route(*args, **kwargs)
        except EdgeAppError as error:
            return _refused(error.status, str(error), error.code)
        except bottle.HTTPResponse:
            raise
        except Exception:
            log.exception("%s %s", request.method, request.path)
            return _refused(500, "internal error of the server; its log has the details", "failed")
        if isinstance(answer, Shape):
            response.content_type = "application/json"
            return msgspec.json.encode(answer)
        return answer

    return wrapped


def _refused(status: int, message: str, code: str) -> HTTPResponse:
    headers, body = refusal(status, message, code=code)
    return HTTPResponse(body, status, headers)


def refused_by_bottle(error: bottle.HTTPError) -> bytes:
    """What Bottle itself refuses, in the API's shape."""
    headers, body = refusal(error.status_code, str(error.body))
    for name, value in headers:
        response.set_header(name, value)
    return body
