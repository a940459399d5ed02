"""Watches and scans a library on a real `rclone mount`; run in a mount namespace of its own.

    unshare --map-root-user --mount python -m tests.faults.rclone FOLDER PROGRAM

Prints one JSON object for each state: mounted, and unmounted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from edge_app.library import watching
from edge_app.library.rules import Rules
from edge_app.library.scan import scan
from edge_app.library.watching import FolderWatch
from tools.testing.waiting import until


def main(folder: Path, program: str) -> None:
    watching.LOOK_S = 0.1
    far, root = folder / "far", folder / "library"
    for made in (far, root):
        made.mkdir()
    (far / "a.jpg").write_bytes(b"x")
    watch = FolderWatch(root, Rules(), lambda: None, lambda: ["a.jpg"])
    watch.start()
    watch.wait()
    words = ["mount", "--config", "/dev/null", "--allow-non-empty", str(far), str(root)]
    with subprocess.Popen([program, *words], stderr=subprocess.DEVNULL) as rclone:
        until(lambda: watch.state.online)
        paths = [file.path for file in scan(root).files]
        print(json.dumps(asdict(watch.state) | {"paths": paths}), flush=True)
        rclone.terminate()
    until(lambda: not watch.state.online)
    print(json.dumps(asdict(watch.state)), flush=True)
    watch.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
