"""The file that holds the passcode's hash, and the tokens signed with a key made from it.

A token is `<expiry>.<signature>`: nothing about visitors is stored, it outlives a restart, and
another passcode, or signing out everywhere, makes all of them worthless.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import re
import stat
from pathlib import Path

from edge_app.errors import ServeError, UsageError
from edge_app.index.format.appendfile import sync_folder

log = logging.getLogger(__name__)

CHARS_MIN = 8  # of a passcode
# From OWASP's password storage cheat sheet, the set with the least memory: 16 MiB, 0.28 s.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 5
COST_MAX = 2**22  # of n * r, and with p: 512 MiB, and 10 s of a small device
FILE_CHARS = 1000  # ours has 130
# The second line, if any, is of the sessions: with another one all that there are end.
LINE = re.compile(
    r"scrypt(\$[0-9]{1,8}){3}\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=(\nsessions [0-9a-f]{32})?"
)


def hash_passcode(passcode: str, salt: bytes | None = None) -> str:
    """`scrypt$N$r$p$salt$hash`: the one line of a passcode file."""
    if len(passcode) < CHARS_MIN:
        raise UsageError(
            f"the passcode has {len(passcode)} characters; it needs at least {CHARS_MIN}"
        )
    salt = salt or os.urandom(16)
    digest = _scrypt(passcode, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    parts = SCRYPT_N, SCRYPT_R, SCRYPT_P, _base64(salt), _base64(digest)
    return "$".join(["scrypt", *map(str, parts)])


def write_passcode(path: Path, passcode: str) -> None:
    """Make or replace the passcode file, readable by its owner only; all of it or, with a
    ServeError, nothing."""
    _write(path, hash_passcode(passcode))


def end_sessions(path: Path) -> None:
    """Make every cookie and token worthless that the passcode file has signed; the passcode stays.
    ServeError if the file can't be read or written."""
    passcode_line = read_hash(path).partition("\n")[0]
    _write(path, f"{passcode_line}\nsessions {os.urandom(16).hex()}")


def _write(path: Path, line: str) -> None:
    # Not `replace_regular` of an index, whose files others may read.
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.unlink(missing_ok=True)  # a link, or what a power cut has left
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise ServeError(f"cannot write the passcode file {path}: {error.strerror}") from error


class PasscodeFile:
    """The line of a passcode file, read again when the file has changed."""

    def __init__(self, path: Path) -> None:
        """ServeError says what is wrong with the file."""
        self.path = path
        self._seen = self._signature()
        self._line: str | None = read_hash(path)

    def line(self) -> str | None:
        """The line as it is now; None, which lets nobody in, if the file can't be used."""
        seen = self._signature()
        if seen != self._seen:
            self._seen = seen
            try:
                self._line = read_hash(self.path)
                log.info("the passcode file %s has changed: everybody signs in again", self.path)
            except ServeError as error:
                self._line = None
                log.error("nobody can sign in: %s", error)
        return self._line

    def _signature(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read_hash(path: Path) -> str:
    """What a passcode file says; ServeError says what is wrong with it."""
    try:
        with open(path, encoding="ascii", opener=_open_at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            line = file.read(FILE_CHARS).strip() if stat.S_ISREG(mode) else ""
        shared = mode & (0o037 if _is_credential(path) else 0o077)
    except FileNotFoundError:
        raise ServeError(
            f"cannot read the passcode file {path}: it does not exist; create it with: "
            f"lookalike passcode {path}"
        ) from None
    except OSError as error:
        raise ServeError(f"cannot read the passcode file {path}: {error.strerror}") from error
    except ValueError:
        line, shared = "", 0  # bytes that are no text
    if shared:
        raise ServeError(f"other users can read the passcode file {path}; run: chmod 600 {path}")
    if not LINE.fullmatch(line) or not _can_be_checked(line):
        raise ServeError(
            f"{path} is not a passcode file; create one with: lookalike passcode {path}"
        )
    return line


def _open_at_once(path: str, flags: int) -> int:
    """Without waiting for the other end of a pipe, which would hold up every request."""
    return os.open(path, flags | os.O_NONBLOCK)


def _can_be_checked(line: str) -> bool:
    """Whether the cost of the hash is one that scrypt takes, and that this device can pay."""
    n, r, p = map(int, line.split("$")[1:4])
    return n > 1 and n & (n - 1) == 0 and 0 < n * r <= COST_MAX and 0 < p <= COST_MAX // (n * r)


def _is_credential(path: Path) -> bool:
    """Whether systemd handed the file over, in a folder that only this service can enter.

    From version 254 on it lets the service's user in by an access control list, and the mask of
    one shows as the group's permissions: `-r--r-----+ root root` (acl(5), systemd issue 29435).
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.parent.resolve() == Path(folder).resolve()


def matches(passcode: str, line: str) -> bool:
    """Is this the passcode whose hash the line holds? Takes the same time either way."""
    _, n, r, p, salt, digest = line.partition("\n")[0].split("$")
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
