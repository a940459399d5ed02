"""One passcode for the household: the sign-in form, and the signed cookie it gives.

Programs send the same token as `Authorization: Bearer`.
"""

from __future__ import annotations

import hmac
import logging
import math
import re
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from edge_app.errors import ServeError
from edge_app.guard.loginpage import LoginPage
from edge_app.guard.passcode import PasscodeFile, end_sessions, make_token, matches
from edge_app.server.clients import network_of
from edge_app.server.refusal import refuse

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

COOKIE = "lookalike"
TOKEN = r"(([0-9]{1,12})\.[0-9a-f]{64})"
# The lookahead leaves the semicolon to the next one: cookies know no ports, so another program of
# this device may have set others of this name. All that a header holds, 200 at most, take 1 ms.
IN_COOKIES = re.compile(rf"(?:^|;\s*){COOKIE}={TOKEN}(?=;|$)")
BEARER = re.compile(rf"Bearer {TOKEN}", re.IGNORECASE)  # RFC 6750, 2.1
LOGIN, LOGOUT, STYLE = "/login", "/logout", "/login.css"
LOGOUT_EVERYWHERE = "/logout/everywhere"
QUERY = re.compile(r"\?[!-~]{1,2000}")  # as it came in a request line: printable ASCII, no space
FORM_BYTES = 4096
ATTEMPTS = 5  # wrong passcodes from one address in WINDOW_S, then 429
ATTEMPTS_ALL = 50  # ... and from all addresses together
WINDOW_S = 300.0
RETRY = ("Retry-After", "1")


class Attempts:
    """Wrong passcodes of the last while, by address; never more of them than the limit for all."""

    def __init__(self) -> None:
        self.failures: deque[tuple[float, str]] = deque()

    def wait_s(self, address: str, now: float) -> float:
        """How long this address must wait before it may try again."""
        while self.failures and self.failures[0][0] <= now - WINDOW_S:
            self.failures.popleft()
        own = [when for when, who in self.failures if who == address]
        if len(own) >= ATTEMPTS:
            return own[0] + WINDOW_S - now
        if len(self.failures) >= ATTEMPTS_ALL:
            return self.failures[0][0] + WINDOW_S - now
        return 0.0

    def failed(self, address: str, now: float) -> None:
        self.failures.append((now, address))


class Passcode:
    """WSGI middleware: without a session only the sign-in page is answered."""

    def __init__(
        self,
        app: WSGIApplication,
        file: PasscodeFile,
        session_s: int,
        open_paths: Collection[str] = (),
    ) -> None:
        """`open_paths` need no passcode."""
        self.app = app
        self.file = file
        self.session_s = session_s
        self.open_paths = open_paths
        self.attempts = Attempts()
        self.checking = threading.Lock()
        self.page = LoginPage()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == STYLE:
            start_response(
                "200 OK",
                [("Content-Type", "text/css"), ("Content-Length", str(len(self.page.style)))],
            )
            return [self.page.style if method != "HEAD" else b""]
        if path == LOGIN and method == "POST":
            return self.sign_in(environ, start_response)
        if path == LOGOUT and method == "POST":
            return self.sign_out(environ, start_response)
        if path in self.open_paths:
            return self.app(environ, start_response)
        if self.is_signed_in(environ):
            if path == LOGOUT_EVERYWHERE and method == "POST":
                return self.sign_out_everywhere(environ, start_response)
            return self.app(environ, private(start_response))
        if path == LOGIN or "text/html" in environ.get("HTTP_ACCEPT", ""):
            return self.show(environ, start_response, "401 Unauthorized", "")
        return refuse(start_response, 401, "Sign in with the passcode first.", [challenge(environ)])

    def sign_in(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        form = parse_qs(environ["wsgi.input"].read(FORM_BYTES).decode("ascii", "replace"))
        passcode = form.get("passcode", [""])[0]
        wanted = form.get("next", [""])[0]
        address = network_of(environ.get("REMOTE_ADDR", ""))
        # One at a time: a check takes 16 MiB on purpose, and who waited here would hold a thread.
        if not self.checking.acquire(blocking=False):
            return self.show(
                environ, start_response, "503 Service Unavailable", "busy", RETRY, wanted=wanted
            )
        line = self.file.line()
        try:
            wait_s = self.attempts.wait_s(address, time.monotonic())
            right = wait_s == 0 and line is not None and matches(passcode, line)
            if not wait_s and not right:
                self.attempts.failed(address, time.monotonic())
        finally:
            self.checking.release()
        if wait_s:
            retry = ("Retry-After", str(int(wait_s) + 1))
            return self.show(
                environ, start_response, "429 Too Many Requests", "too_many", retry,
                wanted=wanted, minutes=math.ceil(wait_s / 60),
            )  # fmt: skip
        if not right or line is None:
            return self.show(environ, start_response, "401 Unauthorized", "wrong", wanted=wanted)
        path = environ.get("SCRIPT_NAME", "") + "/"
        secure = "; Secure" if environ["wsgi.url_scheme"] == "https" else ""
        token = make_token(line, int(time.time()) + self.session_s)
        cookie = (
            f"{COOKIE}={token}; Path={path}; "
            f"Max-Age={self.session_s}; HttpOnly; SameSite=Strict{secure}"
        )
        start_response(
            "303 See Other",
            [("Location", page_of(path, wanted)), ("Set-Cookie", cookie), ("Content-Length", "0")],
        )
        return [b""]

    def sign_out(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Have this browser forget its session; a copy of the cookie stays good."""
        path = environ.get("SCRIPT_NAME", "") + "/"
        start_response(
            "204 No Content",
            [
                ("Set-Cookie", f"{COOKIE}=; Path={path}; Max-Age=0; HttpOnly; SameSite=Strict"),
                ("Clear-Site-Data", '"cache", "storage"'),
            ],
        )
        return [b""]

    def sign_out_everywhere(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> list[bytes]:
        """End every session and token, this one too."""
        try:
            end_sessions(self.file.path)
        except ServeError as error:
            message = (
                f"{error}; to sign out everywhere, run there: lookalike passcode FILE --sign-out"
            )
            return refuse(start_response, 500, message)
        log.info("all sessions were ended by %s", environ.get("REMOTE_ADDR", ""))
        return self.sign_out(environ, start_response)

    def is_signed_in(self, environ: WSGIEnvironment) -> bool:
        found = IN_COOKIES.findall(environ.get("HTTP_COOKIE", ""))
        bearer = BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        if bearer:
            found.append(bearer.groups())
        line = self.file.line()
        return line is not None and any(
            hmac.compare_digest(token, make_token(line, int(expiry))) and int(expiry) > time.time()
            for token, expiry in found
        )

    def show(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        status: str,
        message: str,
        *headers: tuple[str, str],
        wanted: str = "",
        minutes: int = 0,
    ) -> list[bytes]:
        """The sign-in page, with a message of `loginpage`."""
        action = environ.get("SCRIPT_NAME", "") + LOGIN
        query = environ.get("QUERY_STRING", "")
        if environ["PATH_INFO"] == "/" and query:
            wanted = f"?{query}"
        accepted = environ.get("HTTP_ACCEPT_LANGUAGE", "")
        body = self.page.show(action, wanted, accepted, message, minutes)
        start_response(
            status,
            [
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                ("Vary", "Accept-Language"),
                challenge(environ),
                *headers,
            ],
        )
        return [body if environ["REQUEST_METHOD"] != "HEAD" else b""]


def challenge(environ: WSGIEnvironment) -> tuple[str, str]:
    """A 401 must name a way in (RFC 9110, 11.6.1); no registered scheme means a form."""
    action = environ.get("SCRIPT_NAME", "") + LOGIN
    return "WWW-Authenticate", f'Cookie form-action="{action}", cookie-name="{COOKIE}"'


def private(start_response: StartResponse) -> StartResponse:
    """Has JSON kept by no cache: it would outlive the session."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if any(
            name.lower() == "content-type" and value.startswith("application/json")
            for name, value in headers
        ):
            headers = [pair for pair in headers if pair[0].lower() not in ("cache-control", "etag")]
            headers.append(("Cache-Control", "no-store"))
        return start_response(status, headers, exc_info)

    return start


def page_of(home: str, wanted: str) -> str:
    """Where to go after signing in: the page with the query string that was asked for, which can't
    be another site's."""
    return home + wanted if QUERY.fullmatch(wanted) else home
