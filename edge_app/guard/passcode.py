"""One passcode for the household: a file with its hash, a sign-in form, and a signed cookie.

The cookie is a token, `<expiry>.<signature>`, signed with a key made from the hash. So it outlives
a restart, nothing about visitors is stored, and another passcode signs everybody out. Programs send
such a token as `Authorization: Bearer`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import os
import re
import string
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from edge_app.config import Limits
from edge_app.errors import ServeError, UsageError
from edge_app.server.refusal import refuse

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

COOKIE = "edge_gallery"
TOKEN = r"(([0-9]{1,12})\.[0-9a-f]{64})"
IN_COOKIES = re.compile(rf"(?:^|;\s*){COOKIE}={TOKEN}(?:;|$)")
BEARER = re.compile(rf"Bearer {TOKEN}", re.IGNORECASE)  # RFC 6750, 2.1
LOGIN, STYLE = "/login", "/login.css"
# From OWASP's password storage cheat sheet, the set with the least memory: 16 MiB, 0.28 s.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 5
LINE = re.compile(r"scrypt(\$[0-9]{1,8}){3}\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=")
FORM_BYTES = 4096
RETRY = ("Retry-After", "1")
HERE = Path(__file__).parent


def hash_passcode(passcode: str, limits: Limits, salt: bytes | None = None) -> str:
    """`scrypt$N$r$p$salt$hash`: the one line of a passcode file."""
    if len(passcode) < limits.passcode_chars:
        raise UsageError(
            f"the passcode has {len(passcode)} characters; at least {limits.passcode_chars}"
        )
    salt = salt or os.urandom(16)
    digest = _scrypt(passcode, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    parts = SCRYPT_N, SCRYPT_R, SCRYPT_P, _base64(salt), _base64(digest)
    return "$".join(["scrypt", *map(str, parts)])


def write_passcode(path: Path, passcode: str, limits: Limits) -> None:
    """Make or replace the passcode file, readable by its owner only; ServeError if that fails."""
    line = hash_passcode(passcode, limits)
    fresh = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as file:
            file.write(line + "\n")
        fresh.replace(path)
    except OSError as error:
        raise ServeError(f"cannot write the passcode file {path}: {error.strerror}") from error


def read_hash(path: Path) -> str:
    """The line of a passcode file; ServeError says what is wrong with it."""
    try:
        line = path.read_text("ascii").strip()
        shared = path.stat().st_mode & (0o037 if _is_credential(path) else 0o077)
    except (OSError, ValueError) as error:
        raise ServeError(f"cannot read the passcode file {path}: {error}") from error
    if shared:
        raise ServeError(f"other users may read the passcode file {path}: chmod 600 {path}")
    if not LINE.fullmatch(line):
        raise ServeError(
            f"{path} holds no passcode hash; make one: python -m edge_app passcode {path}"
        )
    return line


def _is_credential(path: Path) -> bool:
    """Whether systemd handed the file over, in a folder that only this service can enter.

    From version 254 on it lets the service's user in by an access control list, and the mask of
    one shows as the group's permissions: `-r--r-----+ root root` (acl(5), systemd issue 29435).
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.parent.resolve() == Path(folder).resolve()


def matches(passcode: str, line: str) -> bool:
    """Is this the passcode whose hash the line holds? Takes the same time either way."""
    _, n, r, p, salt, digest = line.split("$")
    ours = _scrypt(passcode, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(ours, base64.b64decode(digest))


def make_token(line: str, expiry: int) -> str:
    """What lets its bearer in until `expiry`, in seconds since 1970."""
    key = hashlib.blake2b(line.encode(), person=b"session").digest()
    return f"{expiry}.{hmac.new(key, str(expiry).encode(), 'sha256').hexdigest()}"


def _scrypt(passcode: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        passcode.encode("utf-8", "surrogateescape"),
        salt=salt,
        n=n,
        r=r,
        p=p,
        maxmem=256 * n * r + 1024 * 1024,
        dklen=32,
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Attempts:
    """Wrong passcodes of the last while, by address; never more of them than the limit for all."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.failures: deque[tuple[float, str]] = deque()

    def wait_s(self, address: str, now: float) -> float:
        """How long this address must wait before it may try again."""
        window_s = self.limits.passcode_window_s
        while self.failures and self.failures[0][0] <= now - window_s:
            self.failures.popleft()
        own = [when for when, who in self.failures if who == address]
        if len(own) >= self.limits.passcode_attempts:
            return own[0] + window_s - now
        if len(self.failures) >= self.limits.passcode_attempts_all:
            return self.failures[0][0] + window_s - now
        return 0.0

    def failed(self, address: str, now: float) -> None:
        self.failures.append((now, address))


class Passcode:
    """WSGI middleware: nothing but the sign-in page without a session."""

    def __init__(
        self, app: WSGIApplication, line: str, limits: Limits, open_paths: Collection[str] = ()
    ) -> None:
        """`line` as `read_hash` gives it; `open_paths` need no passcode."""
        self.app = app
        self.line = line
        self.limits = limits
        self.open_paths = open_paths
        self.attempts = Attempts(limits)
        self.checking = threading.Lock()
        self.page = string.Template((HERE / "login.html").read_text("utf-8"))
        self.style = (HERE / "login.css").read_bytes()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == STYLE:
            start_response(
                "200 OK",
                [("Content-Type", "text/css"), ("Content-Length", str(len(self.style)))],
            )
            return [self.style if method != "HEAD" else b""]
        if path == LOGIN and method == "POST":
            return self.sign_in(environ, start_response)
        if path in self.open_paths or self.is_signed_in(environ):
            return self.app(environ, start_response)
        if path == LOGIN or "text/html" in environ.get("HTTP_ACCEPT", ""):
            return self.show(environ, start_response, "401 Unauthorized", "")
        return refuse(start_response, 401, "Sign in with the passcode first.", [challenge(environ)])

    def sign_in(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        form = parse_qs(environ["wsgi.input"].read(FORM_BYTES).decode("ascii", "replace"))
        passcode = form.get("passcode", [""])[0]
        address = environ.get("REMOTE_ADDR", "")
        # One at a time: a check takes 16 MiB on purpose, and who waited here would hold a thread.
        if not self.checking.acquire(blocking=False):
            return self.show(
                environ, start_response, "503 Service Unavailable", "Busy. Try again.", RETRY
            )
        try:
            wait_s = self.attempts.wait_s(address, time.monotonic())
            right = wait_s == 0 and matches(passcode, self.line)
            if not wait_s and not right:
                self.attempts.failed(address, time.monotonic())
        finally:
            self.checking.release()
        if wait_s:
            minutes = f"Too many wrong passcodes. Try again in {wait_s / 60 + 1:.0f} minutes."
            retry = ("Retry-After", str(int(wait_s) + 1))
            return self.show(environ, start_response, "429 Too Many Requests", minutes, retry)
        if not right:
            return self.show(environ, start_response, "401 Unauthorized", "Wrong passcode.")
        path = environ.get("SCRIPT_NAME", "") + "/"
        secure = "; Secure" if environ["wsgi.url_scheme"] == "https" else ""
        token = make_token(self.line, int(time.time()) + self.limits.session_s)
        cookie = (
            f"{COOKIE}={token}; Path={path}; "
            f"Max-Age={self.limits.session_s}; HttpOnly; SameSite=Strict{secure}"
        )
        start_response(
            "303 See Other",
            [("Location", path), ("Set-Cookie", cookie), ("Content-Length", "0")],
        )
        return [b""]

    def is_signed_in(self, environ: WSGIEnvironment) -> bool:
        match = IN_COOKIES.search(environ.get("HTTP_COOKIE", "")) or BEARER.fullmatch(
            environ.get("HTTP_AUTHORIZATION", "")
        )
        return (
            match is not None
            and hmac.compare_digest(match[1], make_token(self.line, int(match[2])))
            and int(match[2]) > time.time()
        )

    def show(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        status: str,
        message: str,
        *headers: tuple[str, str],
    ) -> list[bytes]:
        """The sign-in page; no script, no inline style."""
        action = environ.get("SCRIPT_NAME", "") + LOGIN
        body = self.page.substitute(
            action=html.escape(action), message=html.escape(message)
        ).encode()
        start_response(
            status,
            [
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                challenge(environ),
                *headers,
            ],
        )
        return [body if environ["REQUEST_METHOD"] != "HEAD" else b""]


def challenge(environ: WSGIEnvironment) -> tuple[str, str]:
    """A 401 must name a way in (RFC 9110, 11.6.1); no registered scheme means a form."""
    action = environ.get("SCRIPT_NAME", "") + LOGIN
    return "WWW-Authenticate", f'Cookie form-action="{action}", cookie-name="{COOKIE}"'
