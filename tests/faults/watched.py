"""Watches a library while drives come and go; run in a mount namespace of its own.

    unshare --map-root-user --mount python -m tests.faults.watched FOLDER

Prints one JSON object for each case: what the watch said while the drive was away. A photo that is
added after its return has been noticed by then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_app.library import watching
from edge_app.library.rules import Rules
from edge_app.library.watching import FolderWatch, Watched
from tools.testing.waiting import until


def mount(*words: object) -> None:
    subprocess.run(["mount", *map(str, words)], check=True)


def unmount(folder: Path, *options: str) -> None:
    """As soon as nobody uses it: a look, and a run that ends, keep it busy for a moment."""
    until(lambda: subprocess.run(["umount", *options, str(folder)]).returncode == 0)


class Case:
    """A library on a drive, which is a folder that is mounted or renamed into its place."""

    def __init__(self, folder: Path, name: str) -> None:
        self.drive, self.root = folder / name / "drive", folder / name / "my photos"
        self.changed = threading.Event()
        for made in (self.drive, self.root):
            made.mkdir(parents=True)
        (self.drive / "a.jpg").write_bytes(b"x")

    @contextmanager
    def watched(self) -> Iterator[FolderWatch]:
        watch = FolderWatch(self.root, Rules(), self.changed.set, lambda: ["a.jpg"])
        watch.start()
        watch.wait()
        yield watch
        watch.stop()

    def go(self, name: str, out: Callable[[], object], back: Callable[[], object]) -> None:
        with self.watched() as watch:
            until(lambda: watch.state.online)
            out()
            until(lambda: not watch.state.online)
            away = watch.state
            back()
            until(lambda: watch.state.online)
            self.notices("b.jpg")
        print(json.dumps(told(name, away)), flush=True)

    def notices(self, name: str) -> None:
        """A new photo is an event, with or without the change that the return was."""
        until(lambda: not self.was_changed())
        (self.drive / name).write_bytes(b"x")
        until(self.changed.is_set)

    def was_changed(self) -> bool:
        changed = self.changed.is_set()
        self.changed.clear()
        return changed


def told(name: str, away: Watched) -> dict[str, object]:
    return {"case": name, "why": away.offline_because, "mode": away.mode}


def main(folder: Path) -> None:
    os.environ["LC_ALL"] = "C"
    watching.LOOK_S = 0.3
    case = Case(folder, "bind")
    mount("--bind", case.drive, case.root)
    case.go("unmounted", lambda: unmount(case.root), lambda: mount("--bind", case.drive, case.root))
    case.go(
        "unmounted lazily", lambda: unmount(case.root, "--lazy"),
        lambda: mount("--bind", case.drive, case.root),
    )  # fmt: skip

    root, drive = case.root, case.drive

    def remove() -> None:
        unmount(root)
        root.rmdir()

    def make() -> None:
        root.mkdir()
        mount("--bind", drive, root)

    case.go("its mount point removed", remove, make)

    case = Case(folder, "later")  # the server starts before the drive is mounted
    with case.watched() as watch:
        before = watch.state
        mount("--bind", case.drive, case.root)
        until(lambda: watch.state.online)
        case.notices("b.jpg")
    print(json.dumps(told("mounted after start", before)), flush=True)

    case = Case(folder, "covered")
    mount("--bind", case.drive, case.root)
    case.go(
        "another drive mounted over it", lambda: mount("-t", "tmpfs", "t", case.root),
        lambda: unmount(case.root),
    )  # fmt: skip

    case = Case(folder, "parent")  # the drive is mounted at a folder above the root
    case.root.rmdir()
    whole, place = case.drive.with_name("whole"), case.root.with_name("media")
    case.drive = whole / "photos"
    case.drive.mkdir(parents=True)
    place.mkdir()
    (case.drive / "a.jpg").write_bytes(b"x")
    mount("--bind", whole, place)
    case.root = place / "photos"
    case.go("above the root", lambda: unmount(place), lambda: mount("--bind", whole, place))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
