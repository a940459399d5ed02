"""What is mounted where on this machine, and what to expect of it (/proc/self/mountinfo)."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from edge_app.answering import answers, silent

MOUNTINFO = Path("/proc/self/mountinfo")
_DEVICES = Path("/sys/dev/block")
_LINKS = 40  # on one way, as many as the kernel follows (path_resolution(7))

# File systems whose changes made elsewhere cause no events here (statfs(2), fstypes of mount(8)):
# network, cluster and virtual machine shares, and all of FUSE but fuseblk, which is a local disk.
EVENTLESS = frozenset(
    {
        "9p", "afs", "autofs", "beegfs", "ceph", "cifs", "coda", "fuse", "gfs2", "glusterfs",
        "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb3", "smbfs",
        "vboxsf", "virtiofs", "vmhgfs",
    }
)  # fmt: skip

# File systems on which a file keeps its inode number as long as it exists. FAT, exFAT, FUSE and
# shares without inode numbers of their own make them up, and make up others after a while.
LASTING_INODES = frozenset(
    {
        "apfs", "bcachefs", "btrfs", "ceph", "erofs", "ext2", "ext3", "ext4", "f2fs", "hfsplus",
        "jfs", "nfs", "nfs4", "nilfs2", "ntfs3", "reiserfs", "squashfs", "tmpfs", "ubifs", "xfs",
        "zfs",
    }
)  # fmt: skip

# FUSE programs that pass on, or keep, when a file was last changed. Others may say "now" each time.
LASTING_CHANGE_TIMES = frozenset(
    {
        "fuse.bindfs", "fuse.cephfs", "fuse.encfs", "fuse.glusterfs", "fuse.gocryptfs",
        "fuse.mergerfs", "fuse.rclone", "fuse.sshfs", "fuse.unionfs",
    }
)  # fmt: skip


class Mount(NamedTuple):
    """One line of mountinfo."""

    id: int
    device: str  # "major:minor"
    point: str  # absolute
    kind: str  # of file system, such as "ext4" or "fuse.rclone"
    root: str = "/"  # the folder of the file system that is mounted, "/" is all of it

    @property
    def has_events(self) -> bool:
        """Whether whatever changes on it causes events here."""
        return self.kind not in EVENTLESS and not self.kind.startswith("fuse.")

    @property
    def keeps_inodes(self) -> bool:
        """Whether a file's inode number tells it from others, today and tomorrow."""
        return self.kind in LASTING_INODES

    @property
    def keeps_change_times(self) -> bool:
        """Whether a file's ctime stays as long as the file does."""
        is_fuse = self.kind == "fuse" or self.kind.startswith("fuse.")
        return not is_fuse or self.kind in LASTING_CHANGE_TIMES

    @property
    def device_is_gone(self) -> bool:
        """Whether the disk was pulled out while it was mounted: what is cached still answers."""
        has_device = not self.device.startswith("0:")
        return has_device and _DEVICES.is_dir() and not (_DEVICES / self.device).exists()


class Place(NamedTuple):
    """What tells a folder from another one that is at its path at another time."""

    device: int
    inode: int
    mount: int | None


def place_of(path: str) -> Place | None:
    """What is at a path now; None where nothing can be reached."""
    try:
        with _pointed_at(path) as file:
            stat = os.fstat(file)
            return Place(stat.st_dev, stat.st_ino, mount_id_of(file))
    except OSError:
        return None


def mounts() -> list[Mount]:
    """All mounts that this process sees; none where that can't be told."""
    try:
        return parse(MOUNTINFO.read_bytes())
    except OSError:
        return []


def parse(mountinfo: bytes) -> list[Mount]:
    """The mounts in a text as of proc_pid_mountinfo(5)."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(b" - ")
        fields, rest = before.split(b" "), after.split(b" ")
        with suppress(IndexError, ValueError):
            words = fields[4], rest[0], fields[3]
            point, kind, root = (os.fsdecode(_unescaped(word)) for word in words)
            found.append(Mount(int(fields[0]), fields[2].decode(), point, kind, root))
    return found


def mount_of(path: str, known: Iterable[Mount]) -> Mount | None:
    """The mount on which a file or folder is; None where that can't be told."""
    id = mount_id(path)
    return next((mount for mount in known if mount.id == id), None)


def place_on_disk(path: str) -> list[str]:
    """Which folder of which disk a real path leads to, as parts: the same for two paths of one
    folder, where one is a bind mount. Of a share, and where it can't be told, the path."""
    mount = mount_of(path, mounts())
    if mount is None or not mount.has_events:
        return list(Path(path).parts)
    inside = os.path.relpath(path, mount.point)
    return [mount.device, *Path(mount.root, os.path.normpath(inside)).parts]


def mounts_below(root: str, known: Iterable[Mount]) -> dict[str, Mount]:
    """Those below a folder (a real path), by their path relative to it; hidden ones left out."""
    prefix = root.rstrip("/") + "/"
    return {
        mount.point.removeprefix(prefix): mount
        for mount in known
        if mount.point.startswith(prefix) and mount_id(mount.point) == mount.id
    }


def silent_below(root: str, below: Mapping[str, Mount]) -> set[str]:
    """Those that do not answer, as a share whose server is gone: whoever enters them waits for
    ever."""
    places = {f"{root}/{path}": path for path in below}
    return {places[place] for place in silent(places)}


class Ways:
    """Tells of ways over several file systems whether they come to an end.

    Remembers what it asked: a new one is for a new look.
    """

    def __init__(self, known: Iterable[Mount]) -> None:
        self._points = {mount.point for mount in known}
        self._silent: dict[str, bool] = {}

    def answering(self) -> set[str]:
        """The places of those that did."""
        return {point for point, is_silent in list(self._silent.items()) if not is_silent}

    def is_silent(self, path: str) -> bool:
        """Whether a mount on the way to an absolute path, links and all, does not answer. Nothing
        behind it is asked: who followed the way would wait for ever."""
        for point in _on_the_way(path, self._points):
            if point not in self._silent:
                self._silent[point] = not answers(point)
            if self._silent[point]:
                return True
        return False


def _on_the_way(path: str, places: Set[str]) -> Iterator[str]:
    """Those of the places that a path leads over, each before what is behind it is looked at."""
    parts, at, links = deque(path.split("/")), "", 0
    while parts and links < _LINKS:
        part = parts.popleft()
        if part in ("", "."):
            continue
        before, at = at, (at.rpartition("/")[0] if part == ".." else f"{at}/{part}")
        if at in places:
            yield at
        with suppress(OSError):  # no link
            target = os.readlink(at)
            links += 1
            parts.extendleft(reversed(target.split("/")))
            at = "" if target.startswith("/") else before


def mount_id(path: str) -> int | None:
    """The id of the mount on which a path is. Only the kernel is asked: no automount is set off by
    it, and a share whose server is gone, which never tells what `place_of` asks, does not hold it
    up."""
    try:
        with _pointed_at(path) as file:
            return mount_id_of(file)
    except OSError:
        return None


def mount_id_of(file: int) -> int | None:
    """The same of an open file."""
    try:
        found = re.search(rb"^mnt_id:\s*([0-9]+)", _read(f"/proc/self/fdinfo/{file}"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None


@contextmanager
def _pointed_at(path: str) -> Iterator[int]:
    """A descriptor that only names what is there, without opening it."""
    file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def _unescaped(field: bytes) -> bytes:
    """Blanks, tabs, line ends, "\\" and "#" are written as three octal digits."""
    return re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8) & 255]), field)


def _read(path: str) -> bytes:
    return Path(path).read_bytes()
