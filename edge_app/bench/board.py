"""What machine this is, as its makers and the system name it."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")
# What other processors say of themselves in /proc/cpuinfo; QEMU 7 passes the host's through.
_X86 = re.compile(r"^vendor_id\s*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Board:
    """One machine."""

    name: str  # of the board, where it has one, and of its processor
    cores: int  # this process may run on
    memory_bytes: int
    system: str  # distribution, kernel, architecture
    emulated: bool  # the processor is another than the programs are for


def this_board(root: Path = _ROOT) -> Board:
    """The machine this runs on; `root` holds etc/, proc/ and sys/."""
    processors = (root / "proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", processors, re.MULTILINE)
    names = [
        _text(root / "proc/device-tree/model") or _text(root / "sys/class/dmi/id/product_name"),
        model[1] if model else "",
    ]
    meminfo = (root / "proc/meminfo").read_text()
    total = re.search(r"^MemTotal:\s+(\d+) kB$", meminfo, re.MULTILINE)
    distribution = re.search(
        r'^PRETTY_NAME="?([^"\n]*)', _text(root / "etc/os-release"), re.MULTILINE
    )
    architecture = platform.machine()
    return Board(
        name=", ".join(name for name in names if name) or architecture,
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=int(total[1]) * 1024 if total else 0,
        system=f"{distribution[1] if distribution else platform.system()}, "
        f"Linux {platform.release()}, {architecture}",
        emulated=architecture == "aarch64" and bool(_X86.search(processors)),
    )


def _text(file: Path) -> str:
    """What is in a file of one line, "" where there is none; device trees end it with a zero."""
    with suppress(OSError):
        return file.read_text().strip("\0\n ")
    return ""
