"""A limit on the memory of a command and all its descendants, page cache and swap counted in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tools.testing.waiting import until

_ENTER = 'if [ -n "$0" ]; then echo $$ > "$0/cgroup.procs"; fi; exec "$@"'
# What version 1 and version 2 of the kernel's interface call the same (cgroups(7)).
_V1 = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max_usage_in_bytes")
_V2 = ("memory.max", "memory.swap.max", "memory.peak")


@dataclass(frozen=True, slots=True)
class Group:
    """A cgroup with a limit."""

    folder: Path
    peak: str  # the file that says how much there was at most

    @property
    def peak_bytes(self) -> int:
        """The most there was at a time: all processes, page cache, the kernel's own for them."""
        return int((self.folder / self.peak).read_text())

    @property
    def own_bytes(self) -> int:
        """What the processes hold now beside the page cache."""
        stat = (self.folder / "memory.stat").read_text()
        found = re.search(r"^(?:total_rss|anon) (\d+)$", stat, re.M)
        assert found, "both versions name it"
        return int(found[1])

    @property
    def kills(self) -> int:
        """Processes that were killed because memory ran out."""
        for name in ("memory.events", "memory.oom_control"):
            with suppress(FileNotFoundError):
                found = re.search(r"^oom_kill (\d+)$", (self.folder / name).read_text(), re.M)
                return int(found[1]) if found else 0
        return 0


def forget(folder: Path) -> None:
    """Drop files from the page cache: memory is charged to the group that reads them next."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fdatasync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def limited(group: Group | None, *command: str | Path) -> list[str]:
    """The command, to be run inside the group."""
    return ["sh", "-c", _ENTER, str(group.folder) if group else "", *map(str, command)]


def _remove(folder: Path) -> None:
    """Once the last process in it has ended: children outlive their parent by a moment."""
    until(lambda: not (folder / "cgroup.procs").read_text().strip())
    folder.rmdir()


@contextmanager
def memory_limit(limit_bytes: int) -> Iterator[Group | None]:
    """A cgroup below this process's own, with that limit and no swap; None where none may be
    made: without root, or without the memory controller."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        if controllers == "memory":
            mount, (limit, swap, peak), no_swap = "memory", _V1, limit_bytes
        elif controllers == "":
            mount, (limit, swap, peak), no_swap = "", _V2, 0
        else:
            continue
        folder = Path("/sys/fs/cgroup", mount, own.lstrip("/")) / f"edge_app-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / limit).write_text(str(limit_bytes))
        except OSError:
            folder.rmdir()
            continue
        with suppress(OSError):  # a kernel that doesn't count swap
            (folder / swap).write_text(str(no_swap))
        try:
            yield Group(folder, peak)
        finally:
            _remove(folder)
        return
    yield None
