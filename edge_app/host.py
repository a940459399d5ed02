"""Whether the packages that this program needs can run on this machine; standard library only.

Where they can't, importing them ends in a traceback or in "illegal instruction".
"""

from __future__ import annotations

import platform
import re
import shlex
import struct
import sys
from importlib import metadata, util
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
PYTHON = (3, 11)  # pyproject.toml's requires-python, which only pip looks at

# What the commands import at once, by the name pip knows. A runtime may be either of two.
PACKAGES = {
    "numpy": "numpy",
    "PIL": "pillow",
    "bottle": "bottle",
    "msgspec": "msgspec",
    "tqdm": "tqdm",
    "waitress": "waitress",
    "inotify_simple": "inotify-simple",
}


def fault() -> str | None:
    """One line that says why the program can't run here and what to do, None if it can."""
    missing = [name for module, name in PACKAGES.items() if util.find_spec(module) is None]
    return unfit() or (
        f"missing packages: {', '.join(missing)}; install them with: "
        "pip install -r requirements-edge.txt, or install lookalike with pipx"
        if missing
        else None
    )


def unfit() -> str | None:
    """The same of the system, the processor and the Python, whatever is installed."""
    if sys.platform != "linux":
        return f"this is {platform.system()}, and the program runs on Linux only"
    if sys.version_info < PYTHON:
        wanted = ".".join(map(str, PYTHON))
        return (
            f"this is Python {platform.python_version()}, and the program needs {wanted} or later; "
            f"install one, such as with: apt install python{wanted}"
        )
    machine, bits = platform.machine(), 8 * struct.calcsize("P")
    if bits == 32:
        kernel = " on a 64-bit kernel" if machine in ("aarch64", "x86_64") else ""
        return (
            f"this is a 32-bit Python{kernel}, and the packages it needs are made for 64 bits; "
            "install a 64-bit system (docs/arm64.md has notes on 32-bit ARM)"
        )
    if machine == "x86_64" and not _has_avx():
        return (
            "this processor has no AVX, and the packages of the TFLite runtime are built for it; "
            "use another machine, or build the runtime from its source"
        )
    if libc() == "musl":
        return (
            "this system has musl in the place of glibc, and the TFLite runtime has no packages "
            "for it; use a system with glibc, such as Debian, or a container of one"
        )
    return None


def install_with(package: str) -> str:
    """The command that adds a package to this program; `pip` alone may be another environment's, or
    refused by the system, and `uv tool install --with` takes away what else was added."""
    *_, place, kind, name = ("", "", *Path(sys.prefix).parts)
    if package.startswith("lookalike[") and not _is_installed():
        package = package.replace("lookalike", ".")  # a checkout; the name may be somebody else's
    wanted = shlex.quote(package)
    if kind == "venvs" and place == "pipx":
        return f"pipx inject {name} {wanted}"
    if kind == "tools" and place == "uv":
        return f"uv pip install --python {shlex.quote(sys.prefix)} {wanted}"
    pip = Path(sys.prefix, "bin/pip")
    is_own = sys.prefix != sys.base_prefix and pip.exists()
    return f"{shlex.quote(str(pip)) if is_own else 'pip'} install {wanted}"


def _is_installed() -> bool:
    try:
        metadata.distribution("lookalike")
    except metadata.PackageNotFoundError:
        return False
    return True


def libc() -> str:
    """glibc, musl, or "" where it can't be told."""
    name, _ = platform.libc_ver()
    if name:
        return name
    return "musl" if any(Path("/lib").glob("ld-musl-*")) else ""


def _has_avx() -> bool:
    try:
        text = CPUINFO.read_text(errors="replace")
    except OSError:
        return True  # nothing to tell it by
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return flags is None or "avx" in flags[1].split()
