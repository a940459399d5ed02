"""Builds the image: the base from Debian's packages, the rest as deploy/Dockerfile says."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.arm64.tree import unpack_debian
from tests.conftest import ROOT
from tools.release import models_in, release

BASE = "docker.io/library/python:3.13-slim-trixie"  # what the Dockerfile builds on
TAG = "localhost/lookalike"
TOOLS = {"debootstrap": "debootstrap", "buildah": "buildah", "podman": "podman", "runc": "runc"}
# The settings by which pip reaches its index on this machine.
PIP_SETTINGS = ("/etc/ssl/certs", "/etc/pip.conf")


class Images:
    """The images and containers of one folder; nobody else's are touched.

    arch: as in debian().
    """

    def __init__(self, folder: Path, arch: str | None) -> None:
        self.emulated = arch is not None
        self._arch = [f"--arch={arch}"] if arch else []
        self._where = [f"--root={folder}/storage", f"--runroot={folder}/run"]
        self._where.append("--storage-driver=vfs")

    def podman(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["podman", *self._where, "--cgroup-manager=cgroupfs", "--runtime=runc"]
        return self._run([*command, *map(str, words)], check)

    def buildah(self, *words: str | Path) -> None:
        self._run(["buildah", *self._where, *map(str, words)], check=True)

    def make_base(self, tree: Path) -> None:
        """A Debian tree under the name of the base image."""
        packed = subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE)
        words = ["podman", *self._where, "import", *self._arch, "-", BASE]
        subprocess.run(words, stdin=packed.stdout, check=True, capture_output=True)
        assert packed.wait() == 0

    def build(self, context: Path) -> None:
        """The image of the Dockerfile, from a release of this checkout."""
        release(context / "dist", models_in(ROOT / "models"))
        volumes = [f"--volume={path}:{path}:ro" for path in PIP_SETTINGS if os.path.exists(path)]
        self.buildah(
            "bud", "--isolation=chroot", "--network=host", "--format=docker", "--pull-never",
            *self._arch, *volumes, "-f", ROOT / "deploy/Dockerfile", "-t", TAG, context,
        )  # fmt: skip

    @staticmethod
    def _run(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return done


def debian(cache: Path, arch: str | None, mirror: str) -> Path:
    """A Debian 13 with Python as the base image has it; made the first time, in some minutes.

    arch: "arm64" on a machine of another kind, None for one of its own kind.
    """
    tree = cache / (f"trixie-{arch}" if arch else "trixie")
    if not tree.exists():
        part = tree.with_suffix(".part")
        wanted = "python3,python3-venv,ca-certificates"
        if arch:
            unpack_debian(part, "trixie", mirror, wanted)
        else:
            shutil.rmtree(part, ignore_errors=True)
            cache.mkdir(parents=True, exist_ok=True)
            bootstrap = ["debootstrap", "--variant=minbase", f"--include={wanted}", "trixie"]
            subprocess.run([*bootstrap, part, mirror], check=True, stdout=subprocess.DEVNULL)
        (part / "usr/local/bin").mkdir(parents=True, exist_ok=True)  # base-files makes it later
        (part / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        part.rename(tree)
    return tree


def missing_tools() -> list[str]:
    """The Debian packages that are not here."""
    return sorted(package for tool, package in TOOLS.items() if shutil.which(tool) is None)
