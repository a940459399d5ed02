"""A Debian system for 64-bit ARM in a folder, and how to run a command in it under QEMU."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.markers import Marker

from tests.pins import edge_pins
from tests.repo.test_wheels import PLATFORMS

SUITES = {"bookworm": "3.11", "trixie": "3.13"}  # and the Python that each has
TOOLS = {"debootstrap": "debootstrap", "qemu-aarch64-static": "qemu-user-static"}
BINFMT = Path("/proc/sys/fs/binfmt_misc")
RULE = "qemu-aarch64"
# All mounts are in a namespace of their own: they end with the command, whatever happens.
ENTER = """
set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/srv/app"
mount --bind "$3" "$1/srv/work"
cd "$1"
shift 3
exec chroot . /usr/bin/env -i PATH=/usr/bin:/bin LANG=C.UTF-8 PYTHONPATH=/srv/packages \\
    sh -c 'cd /srv/app && exec "$@"' sh "$@"
"""


def make_tree(cache: Path, suite: str, mirror: str) -> Path:
    """The system's folder below `cache`; made the first time, in a minute or two."""
    tree = cache / suite
    if tree.exists():
        return tree
    part = cache / f"{suite}.part"
    unpack_debian(part, suite, mirror, "python3")
    for name in ("app", "work", "packages"):  # in /srv, which base-files makes when configured
        (part / "srv" / name).mkdir(parents=True)
    install(part / "srv/packages", SUITES[suite])
    part.rename(tree)
    return tree


def unpack_debian(tree: Path, suite: str, mirror: str, packages: str) -> None:
    """A Debian for arm64 with these packages, unpacked in a new folder and not configured."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    # Only their files are needed, and this machine can unpack them: to configure the packages,
    # emulated, takes ten minutes.
    bootstrap = ["debootstrap", "--foreign", "--arch=arm64", "--variant=minbase"]
    command = [*bootstrap, f"--include={packages}", suite, str(tree), mirror]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    archives = tree / "var/cache/apt/archives"
    for package in archives.glob("*.deb"):
        files = subprocess.check_output(["dpkg-deb", "--fsys-tarfile", package])
        unpack = ["tar", "-x", "--keep-directory-symlink", "-C", str(tree)]
        subprocess.run(unpack, input=files, check=True)
    shutil.rmtree(archives)
    # In a container debootstrap leaves links to this machine's folders, to be mounted on in vain.
    for name in ("proc", "dev"):
        if (tree / name).is_symlink():
            (tree / name).unlink()
            (tree / name).mkdir()


def install(folder: Path, python: str) -> None:
    """The pinned packages of the device for 64-bit ARM; pip runs here and takes wheels only."""
    wanted = [
        pin.requirement
        for pin in edge_pins()
        if not pin.extra
        and (not pin.marker or Marker(pin.marker).evaluate({"python_version": python}))
    ]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    target = ["--target", str(folder), "--no-deps"]  # what they depend on is pinned, or not needed
    subprocess.run([*pip, *platforms, *options, *target, *wanted], check=True)


@contextmanager
def emulation() -> Iterator[None]:
    """Let the kernel run ARM programs; afterwards it is as it was."""
    missing = sorted(package for tool, package in TOOLS.items() if shutil.which(tool) is None)
    if missing:
        raise SystemExit(f"missing; on Debian: apt install {' '.join(missing)}")
    if os.geteuid() != 0:
        raise SystemExit("make test-arm64 mounts and changes root: run it as root")
    mounted = (BINFMT / "register").exists()
    if not mounted:
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
    added = not (BINFMT / RULE).exists()
    try:
        if added:
            rule = Path(f"/usr/lib/binfmt.d/{RULE}.conf").read_text().strip()
            (BINFMT / "register").write_bytes(rule.encode())
        yield
    finally:
        if added and (BINFMT / RULE).exists():
            (BINFMT / RULE).write_text("-1")
        if not mounted:
            subprocess.run(["umount", BINFMT], check=True)


def command_in(tree: Path, app: Path, work: Path, *words: str) -> list[str]:
    """The command that runs `words` in the tree, where /srv/app and /srv/work are these folders."""
    enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter"]
    return [*enter, str(tree), str(app), str(work), *words]
