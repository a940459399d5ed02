"""Watches a library that is covered by a FUSE mount whose program never answers, as that of a share
whose server is gone; run in a mount namespace of its own.

    unshare --map-root-user --mount python -m tests.faults.hanging FOLDER

Prints one JSON object for each state: hanging, cut off, and without the mount; and before these,
what somebody is told who comes to it while it hangs.

    unshare --map-root-user --mount python -m tests.faults.hanging FOLDER MODEL

does the same to a whole server, and prints what it answers meanwhile.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import struct
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch

from edge_app import answering
from edge_app.library import folder as folders
from edge_app.library import watching
from edge_app.library.folder import Folder
from edge_app.library.mounts import mount_of, mounts
from edge_app.library.rules import Rules
from edge_app.library.sources import Several
from edge_app.library.watching import FolderWatch
from tests.faults.unplugged import code_of
from tests.faults.watched import unmount
from tools.testing.pictures import save
from tools.testing.site import Site
from tools.testing.waiting import until

INIT = 26  # of linux/fuse.h


class Hanging(threading.Thread):
    """A FUSE program that takes all requests and answers none but the first, with which the mount
    begins: not even a kill ends who waits for it."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self._program = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._program},rootmode=40000,user_id=0,group_id=0".encode()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"remote:", os.fsencode(root), b"fuse.rclone", 0, options):
            raise OSError(ctypes.get_errno(), "mount")
        self._over = False
        self.start()

    def run(self) -> None:
        while not self._over:
            if select.select([self._program], [], [], 0.05)[0]:
                request = os.read(self._program, 1 << 18)
                _, kind, number = struct.unpack_from("=IIQ", request)
                if kind == INIT:
                    version = struct.pack("=IIIIHHI40x", 7, 31, 65536, 0, 16, 16, 65536)
                    head = struct.pack("=IiQ", 16 + len(version), 0, number)
                    os.write(self._program, head + version)

    def close(self) -> None:
        """As a program that has crashed."""
        self._over = True
        self.join()
        os.close(self._program)


def main(folder: Path) -> None:
    watching.LOOK_S, watching.STALE_S = 0.1, 1.0
    root = folder / "library"
    root.mkdir()
    watch = FolderWatch(root, Rules(), lambda: None)
    watch.start()
    watch.wait()
    until(lambda: watch.state.online)
    program = Hanging(root)
    [kind] = [mount.kind for mount in mounts() if mount.point == str(root)]
    until(lambda: not watch.state.online)
    come(root)
    tell(watch, kind)
    program.close()
    until(lambda: "not connected" in (watch.state.offline_because or ""))
    tell(watch, kind)
    unmount(root)
    until(lambda: watch.state.online)
    mount = mount_of(str(root), mounts())
    tell(watch, mount.kind if mount else "")
    watch.stop()


def come(root: Path) -> None:
    """As a server does that starts, and an index run."""
    folders.LOOK_S = 0.1
    answering.ANSWER_S = (
        3.0  # for the folder that hangs, once; the other has it on a busy machine too
    )
    late = FolderWatch(root, Rules(), lambda: None)
    late.wait()
    library = Several({"nas": Folder(root), "here": Folder(root.parent)})
    scan = library.scan()
    told: dict[str, object] = {"late": late.state.offline_because, "online": library.online()}
    above = FolderWatch(root.parent, Rules(), lambda: None)
    above.start()
    above.wait()
    told["silent"] = [above.state.online, *above.state.silent]
    above.stop()
    told["linked"] = come_by_link(root.parent / "linked", root / "deep")
    told["later"] = come_earlier(root.parent / "later")
    said = {"offline": scan.offline, "unreadable": sorted(scan.unreadable)}
    print(json.dumps(told | said), flush=True)


def come_by_link(folder: Path, share: Path) -> list[object]:
    """To a folder with a link into the share: what a scan leaves out, and a watch says."""
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"x")
    (folder / "link").symlink_to(share)
    passed_over = Folder(folder).scan().linked
    following = Rules(follow_links=True)
    watch = FolderWatch(folder, following, lambda: None, lambda: ["link/b.jpg", "a.jpg"])
    watch.start()
    watch.wait()
    until(lambda: bool(watch.state.silent))
    state = watch.state
    watch.stop()
    scan = Folder(folder, following).scan()
    found = [file.path for file in scan.files]
    return [*passed_over, *scan.unreadable, *found, state.online, *state.silent]


def come_earlier(folder: Path) -> list[object]:
    """The share begins to hang while a scan is at it."""
    for name in ("a/a.jpg", "share/b.jpg"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"x")
    listing, programs = os.scandir, list[Hanging]()

    def hang(path: str) -> object:
        if path.endswith("/a") and not programs:
            programs.append(Hanging(folder / "share"))
        return listing(path)

    with patch.object(os, "scandir", hang):
        scan = Folder(folder, Rules(follow_links=True)).scan()  # which reaches other shares
    programs[0].close()
    return [*scan.unreadable, *(file.path for file in scan.files)]


def tell(watch: FolderWatch, kind: str) -> None:
    print(json.dumps(asdict(watch.state) | {"kind": kind}), flush=True)


def serve(folder: Path, model: Path) -> None:
    root = folder / "library"
    here = folder / "here"
    save(root / "a.png", 1)
    save(here / "0.png", 0)
    options = "--gallery", f"here={here}", "--model", str(model)
    site = Site(Path(f"nas={root}"), folder / "index", *options)
    try:
        hang(site, root, here)
    finally:
        site.stop()


def hang(site: Site, root: Path, here: Path) -> None:
    site.wait_until_indexed(2)
    id = site.id_of("a.png")
    paths = ["healthz", "api/status", f"thumbs/{id}", f"api/images/{id}/similar"]
    paths.append(f"originals/{id}")
    program = Hanging(root)
    until(lambda: site.get("api/status")["library"]["message"] is not None)
    save(here / "1.png", 3)
    until(lambda: bool(site.get("api/status")["images"] == 3))
    # As many at a time as the server has threads, and more: none of them is held.
    for _ in range(10):
        codes = {path.split("/")[0]: code_of(site.url + path) for path in paths}
    print(json.dumps(codes | {"message": site.get("api/status")["library"]["message"]}), flush=True)
    program.close()
    unmount(root)
    until(lambda: all(source["online"] for source in site.get("api/status")["sources"]))
    save(root / "b.png", 2)
    site.wait_until_indexed(4)
    print(json.dumps({"originals": code_of(f"{site.url}originals/{id}")}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        serve(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]))
