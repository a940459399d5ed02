"""Unmounts the drive of a running server's library and mounts it again, twice over; run in a mount
namespace of its own.

    unshare --map-root-user --mount python -m tests.faults.unplugged FOLDER MODEL

Prints one JSON object for each thing that was done: how long until the status said so, and what was
served then.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.watched import mount, unmount
from tools.testing.pictures import save
from tools.testing.site import Site
from tools.testing.waiting import PATIENCE_S, until

PHOTOS = 3


def code_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


class Server:
    """A server, and what it says and serves of the first photo."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.id = site.id_of("0.png")

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.site.get("api/status")
        return status

    def tell(self, name: str, done: Callable[[], object], condition: Callable[[], bool]) -> None:
        start_s = time.monotonic()
        done()
        until(condition)
        status = self.status()
        print(
            json.dumps(
                {
                    "case": name,
                    "seconds": round(time.monotonic() - start_s, 1),
                    "images": status["images"],
                    "message": status["library"]["message"],
                    "watching": status["sources"][0]["watching"],
                    "thumbnail": code_of(f"{self.site.url}thumbs/{self.id}"),
                    "similar": code_of(f"{self.site.url}api/images/{self.id}/similar"),
                    "original": code_of(f"{self.site.url}originals/{self.id}"),
                }
            ),
            flush=True,
        )

    @property
    def is_online(self) -> bool:
        return bool(self.status()["library"]["online"])

    def has(self, images: int) -> Callable[[], bool]:
        def settled() -> bool:
            status = self.status()
            return bool(status["images"] == images and status["offline"] == 0 and self.is_online)

        return settled


def main(folder: Path, model: Path) -> None:
    drive, root = folder / "drive", folder / "my photos"
    for number in range(PHOTOS):
        save(drive / f"{number}.png", number)
    root.mkdir()
    mount("--bind", drive, root)
    site = Site(root, folder / "index", "--model", str(model))
    try:
        unplug(site, drive, root)
    finally:
        site.stop()


def unplug(site: Site, drive: Path, root: Path) -> None:
    site.wait_until_indexed(PHOTOS)
    server = Server(site)
    for number in (PHOTOS, PHOTOS + 1):
        server.tell("unmounted", lambda: unmount(root), lambda: not server.is_online)
        server.tell("mounted", lambda: mount("--bind", drive, root), lambda: server.is_online)
        server.tell("added", lambda n=number: save(drive / f"{n}.png", n), server.has(number + 1))  # type: ignore[misc]
    unmount(root)
    until(lambda: not server.is_online)
    site.stop()
    site.start()  # without its drive
    server.tell("started", lambda: None, lambda: not server.is_online)
    server.tell("mounted", lambda: mount("--bind", drive, root), server.has(PHOTOS + 2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
