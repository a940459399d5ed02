"""What this process may use of the machine: memory, less where a cgroup limits it, and cores."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_app.config import Limits, MiB

_ROOT = Path("/")
LARGE_BYTES = 4 * MiB  # smaller ones, as searches use them, are kept: asking again costs time
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def available_bytes(root: Path = _ROOT) -> int:
    """Memory that can be had without swapping, page cache that may be dropped counted in.

    `root` holds proc/ and sys/; the kernel's formats: proc_meminfo(5), cgroups(7).
    """
    return min([_machine_bytes(root), *_cgroup_bytes(root)])


def resident_bytes() -> int:
    """Memory of this process that is in use, mapped files included (proc_pid_statm(5))."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def return_large_blocks() -> None:
    """Have memory given back to the system when it is freed.

    glibc learns from an upload to keep blocks of its size, once for each thread: 350 MiB after a
    few uploads of 31 MiB.
    """
    with suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, 2 * LARGE_BYTES)


def go_first() -> None:
    """Where memory runs out, have the kernel end this process and its children before others."""
    with suppress(OSError):  # where /proc is read-only the largest goes, as everywhere
        # Between -1000 and 1000, and inherited (proc_pid_oom_score_adj(5)).
        Path("/proc/self/oom_score_adj").write_text("500")


def default_threads() -> int:
    """One for each core this process may run on."""
    return len(os.sched_getaffinity(0))


def default_interpreters(model_bytes: int) -> int:
    """One for each core, as many as fit into half the memory: each has a copy of the weights."""
    return max(1, min(default_threads(), available_bytes() // 2 // model_bytes))


def default_workers(limits: Limits) -> int:
    """One decoding child for each core, as many as fit into half the memory."""
    fitting = available_bytes() // 2 // limits.decode_memory_bytes
    return max(1, min(default_threads(), fitting))


def _machine_bytes(root: Path) -> int:
    return _table(root / "proc/meminfo")["MemAvailable:"] * 1024


def _cgroup_bytes(root: Path) -> Iterator[int]:
    """What is left to each limited cgroup this process is in, its own and those above it."""
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, limit, usage, prefix = "", "memory.max", "memory.current", ""
        elif controllers == "memory":
            mount, limit, usage = "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            prefix = "total_"
        else:
            continue
        top = root / "sys/fs/cgroup" / mount
        own = top / path.lstrip("/")
        # In a container the path may be the host's; the mount is then the container's own group.
        for group in [own, *own.parents] if own.is_dir() else [top]:
            try:
                limit_bytes = int((group / limit).read_text())  # "max" is no number: no limit
                used_bytes = int((group / usage).read_text())
                files = _table(group / "memory.stat")
            except (OSError, ValueError):
                continue
            cache_bytes = files[prefix + "inactive_file"] + files[prefix + "active_file"]
            yield limit_bytes - used_bytes + cache_bytes


def _table(file: Path) -> dict[str, int]:
    """Name and number of every line."""
    return {line.split()[0]: int(line.split()[1]) for line in file.read_text().splitlines()}
