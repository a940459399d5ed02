"""Watches a library with too few inotify watches; run in a user namespace of its own.

    unshare --map-root-user python -m tests.faults.limits FOLDER

Prints one JSON object for each state: how the library is watched, and why not by events.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from edge_app.library import watching
from edge_app.library.rules import Rules
from edge_app.library.watching import FolderWatch
from tools.testing.waiting import until

WATCHES = Path("/proc/sys/user/max_inotify_watches")
INSTANCES = Path("/proc/sys/user/max_inotify_instances")


def main(folder: Path) -> None:
    watching.LOOK_S, watching.RETRY_S = 0.1, 0.2
    for number in range(23):
        (folder / f"library/{number:02d}").mkdir(parents=True)
    enough, changed = WATCHES.read_text(), threading.Event()

    def start() -> FolderWatch:
        watch = FolderWatch(folder / "library", Rules(), changed.set)
        watch.start()
        watch.wait()
        print(json.dumps(asdict(watch.state)), flush=True)
        return watch

    WATCHES.write_text("12")
    watch = start()
    (folder / "library/00/a.jpg").write_bytes(b"x")  # among those that are watched
    until(changed.is_set)
    WATCHES.write_text(enough)  # as the user does who was told so: no restart
    until(lambda: watch.state.mode == "events")
    changed.clear()
    (folder / "library/22/a.jpg").write_bytes(b"x")
    until(changed.is_set)
    watch.stop()

    INSTANCES.write_text("0")
    start().stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
