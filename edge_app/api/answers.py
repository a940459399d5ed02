"""What every route does alike: values in, JSON or an error out."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import bottle
from bottle import HTTPResponse, request, response

from edge_app.api.originals import is_known
from edge_app.config import Limits
from edge_app.errors import EdgeAppError, LimitError, UsageError

log = logging.getLogger(__name__)


def asked() -> Mapping[str, str]:
    """The values of the query string; Bottle leaves their UTF-8 undecoded."""
    try:
        values: Mapping[str, str] = request.query.decode()
    except UnicodeDecodeError:
        raise UsageError("the query string is not UTF-8") from None
    return values


def json_object(limits: Limits) -> dict[str, Any]:
    # Not Bottle's `request.body`, which keeps larger ones in temporary files.
    body = request.environ["wsgi.input"].read(limits.body_bytes + 1)
    if len(body) > limits.body_bytes:  # it came as a form, which may be larger
        raise LimitError(f"the body is over the limit of {limits.body_bytes} bytes (body_bytes)")
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError("the body is neither a JSON object nor multipart/form-data")
    return values


def tagged_json(content: Any) -> HTTPResponse:
    """JSON that a browser may keep, asking each time whether it still holds."""
    body = json.dumps(content, separators=(",", ":")).encode()
    tag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
    headers = {"Content-Type": "application/json", "ETag": tag, "Cache-Control": "no-cache"}
    if is_known(tag, request.environ):
        return HTTPResponse(status=304, headers=headers)
    return HTTPResponse(body, headers=headers)


def answer_errors(route: Callable[..., Any]) -> Callable[..., Any]:
    """Bottle plugin: errors on purpose become their JSON, others are logged and become 500."""

    @functools.wraps(route)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return route(*args, **kwargs)
        except EdgeAppError as error:
            return _error(error.status, error.code, str(error))
        except bottle.HTTPResponse:
            raise
        except Exception:
            log.exception("%s %s", request.method, request.path)
            return _error(500, "failed", "the server made a mistake; its log says which")

    return wrapped


def _error(status: int, code: str, message: str) -> HTTPResponse:
    body = json.dumps({"error": {"code": code, "message": message}})
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = "1"
    return HTTPResponse(body, status, headers)


CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def bottle_error(error: bottle.HTTPError) -> str:
    """What Bottle itself refuses, in the API's shape."""
    status = error.status_code
    response.content_type = "application/json"
    code = CODES.get(status, "bad_request" if status < 500 else "failed")
    return json.dumps({"error": {"code": code, "message": str(error.body)}})
