"""What every request must be and every answer must say, whatever the route.

A page on the internet can make a visitor's browser send requests to a server on the same LAN. It
is kept out by the name it must use (`Host`: a rebound DNS name is not ours), by what it can't
send (a header that needs CORS, and we grant none) and by what browsers tell about it (`Origin`,
`Sec-Fetch-Site`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from edge_app.server.refusal import refuse

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# POST only for the size of the question. Programs such as curl may ask without our header; browsers
# may not: they send Origin or Sec-Fetch-Site with every POST of a page.
CHANGES_NOTHING = frozenset({"/api/search"})
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")

COMMON_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
]
PAGE_HEADERS = [
    *COMMON_HEADERS,
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
]
# An original opened in its own tab: shown, but whatever it may be it runs nothing. The style is
# the browser's own, for the page it makes around an image.
ORIGINAL_HEADERS = [
    *COMMON_HEADERS,
    (
        "Content-Security-Policy",
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ),
]


class Policy:
    """WSGI middleware: answers 4xx to what no page of ours sends, and adds the headers."""

    def __init__(
        self,
        app: WSGIApplication,
        names: Iterable[str],
        base_path: str = "",
        form_paths: Iterable[str] = (),
    ) -> None:
        """`names`: what this server is called, besides its addresses. `form_paths` accept a plain
        HTML form, which can't carry our header."""
        self.app = app
        self.base_path = base_path
        self.form_paths = frozenset(form_paths)
        own = frozenset(name.lower() for name in names)
        self.is_own_host = lru_cache(maxsize=256)(lambda host: is_own_host(host, own))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        extra = PAGE_HEADERS

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, headers + extra, exc_info)

        if not self.is_own_host(environ.get("HTTP_HOST", "")):
            return refuse(
                start,
                421,
                "This server does not answer to this host name; allow it with --allow-host.",
            )
        if not environ["REQUEST_URI"].startswith("/"):
            return refuse(start, 400, "The request must name a path that begins with /.")
        if self.base_path:
            if path == self.base_path:  # relative links need the slash
                return redirect(start, self.base_path + "/")
            if not path.startswith(self.base_path + "/"):
                return refuse(start, 404, f"The gallery is at {self.base_path}/.")
            path = path[len(self.base_path) :]
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = self.base_path, path
        from_page = "HTTP_ORIGIN" in environ or "HTTP_SEC_FETCH_SITE" in environ
        headerless = path in self.form_paths or (path in CHANGES_NOTHING and not from_page)
        fault = cross_site_fault(environ, headerless)
        if fault:
            return refuse(start, 403, fault)
        if path.startswith("/originals/"):
            extra = ORIGINAL_HEADERS
        return self.app(environ, start)


def is_own_host(host: str, names: frozenset[str]) -> bool:
    """Is this `Host` header an IP address or one of `names`, with or without a port?"""
    match = HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower()
    if name in names:
        return True
    try:  # no one can make an address point elsewhere
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return name.startswith("[") == (":" in name)


def cross_site_fault(environ: WSGIEnvironment, headerless: bool = False) -> str | None:
    """Why another site's page, not ours, may have made this request; `headerless` ones may lack
    our header."""
    method = environ["REQUEST_METHOD"]
    if method not in SAFE_METHODS:
        if environ.get("HTTP_X_LOOKALIKE") != "1" and not headerless:
            return "Requests that change or compute something need the header X-Lookalike: 1."
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and origin.partition("://")[2] != environ["HTTP_HOST"]:
            return "The Origin header names another site."
    # Absent from old browsers and from plain-HTTP pages other than localhost; then the above holds.
    if environ.get("HTTP_SEC_FETCH_SITE") in ("cross-site", "same-site") and not (
        method == "GET"
        and environ.get("HTTP_SEC_FETCH_MODE") == "navigate"
        and environ.get("HTTP_SEC_FETCH_DEST") == "document"
    ):
        return "The request comes from a page of another site."
    return None


def redirect(start_response: StartResponse, location: str) -> list[bytes]:
    """Answer 308, permanently elsewhere and with the same method."""
    start_response("308 Permanent Redirect", [("Location", location), ("Content-Length", "0")])
    return [b""]
