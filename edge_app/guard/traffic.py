"""What the server has answered and refused, counted for /metrics and told in the access log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from edge_app.guard.metrics import Counter, Family, Histogram, gauge

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

access_log = logging.getLogger("edge_app.access")

# A client may send any word for a method; each would be a time series of its own.
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
ENVIRON = "edge_app.guard.traffic"  # where a route finds the Traffic of its server


class Traffic:
    """The figures of one server."""

    def __init__(self) -> None:
        self.connections: Callable[[], int] = lambda: 0  # open now
        self.answers = Counter(
            "lookalike_http_requests_total", "Requests answered, by method and status."
        )
        self.refusals = Counter(
            "lookalike_http_refused_total",
            "Requests and connections refused before the app saw them, by status.",
        )
        self.seconds = Histogram(
            "lookalike_http_request_duration_seconds",
            "Time from the call of the app to the start of its answer.",
        )

    def answered(self, method: str, status: str, seconds: float) -> None:
        """Count one answer of the app; `status` is its three digits."""
        self.answers.add(method=method if method in METHODS else "other", code=status)
        self.seconds.observe(seconds)

    def refused(self, status: int) -> None:
        """Count one request that got no further than the server."""
        self.refusals.add(code=str(status))

    def families(self) -> list[Family]:
        """All figures, for /metrics."""
        return [
            self.answers.family(),
            self.refusals.family(),
            self.seconds.family(),
            gauge("lookalike_http_connections", "Open connections.", self.connections()),
        ]


class Counted:
    """WSGI middleware: counts every answer and, with `log`, writes a line about it."""

    def __init__(self, app: WSGIApplication, traffic: Traffic, *, log: bool) -> None:
        self.app, self.traffic, self.log = app, traffic, log

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        method, uri = environ["REQUEST_METHOD"], environ["REQUEST_URI"]
        address = environ["REMOTE_ADDR"]
        environ[ENVIRON] = self.traffic

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            seconds = time.perf_counter() - began
            self.traffic.answered(method, status[:3], seconds)
            if self.log:
                _tell(address, method, uri, status[:3], dict(headers), seconds)
            return start_response(status, headers, exc_info)

        return self.app(environ, start)


def _tell(
    address: str, method: str, uri: str, status: str, headers: dict[str, str], seconds: float
) -> None:
    """One line with nothing in it that a terminal obeys; fields, for a structured log."""
    request = f"{method} {uri}".encode("unicode_escape").decode().replace('"', "%22")
    length = headers.get("Content-Length")
    access_log.info(
        '%s "%s" %s %s %.0f ms',
        address,
        request,
        status,
        length or "-",
        seconds * 1000,
        extra={
            "fields": {
                "address": address,
                "method": method,
                "uri": uri,
                "status": int(status),
                "bytes": int(length) if length else None,
                "seconds": round(seconds, 6),
            }
        },
    )
