"""Builds the container and runs it as deploy/compose.yaml does: confined, and over its life.

    sudo python -m tests.container --cache DIR [--mirror URL] [--arch arm64]

It runs in a network namespace of its own, so that nothing else's port is in the way. With --arch
the image is made and run for 64-bit ARM, under QEMU.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from tests.arm64.tree import emulation
from tests.container.image import TAG, Images, debian, missing_tools
from tools.testing.pictures import save
from tools.testing.waiting import PATIENCE_S, until

PHOTOS = 120
EMULATED_PHOTOS = 12
EMULATED_S = 900.0  # the patience with a start under QEMU: minutes, beside other work
MEMORY_MIB = 512
NAME = "lookalike-test"
URL = "http://127.0.0.1:5000"
# Where the system tells of processors. Under QEMU it tells of x86 ones, and XNNPACK, which looks
# for ARM ones there, ends in a segmentation fault.
PROCESSORS = "/sys/devices/system/cpu"
INSIDE = "LOOKALIKE_CONTAINER_TEST"  # set in the process that is in the namespace

CONFINED = (
    "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp",
    "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096", "--network=host", "--init=false",
)  # fmt: skip


def main() -> None:
    """Build outside, where the network is; run inside."""
    parser = argparse.ArgumentParser(prog="python -m tests.container", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, metavar="DIR")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument("--arch", choices=["arm64"])
    options = parser.parse_args()
    inside = os.environ.get(INSIDE)
    if inside:
        photos = EMULATED_PHOTOS if options.arch else PHOTOS
        check(Images(Path(inside), options.arch), Path(inside), photos)
        return
    if missing := missing_tools():
        raise SystemExit(f"missing; on Debian: apt install {' '.join(missing)}")
    if os.geteuid() != 0:
        raise SystemExit("containers are run without a daemon here: run it as root")
    with (
        emulation() if options.arch else nullcontext(),
        scratch(options.cache.parent) as folder,
    ):
        images = Images(folder, options.arch)
        images.make_base(debian(options.cache.absolute(), options.arch, options.mirror))
        images.build(folder / "context")
        print("built", flush=True)
        command = [sys.executable, "-m", "tests.container", *sys.argv[1:]]
        namespace = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        done = subprocess.run([*namespace, *command], env=os.environ | {INSIDE: str(folder)})
        images.podman("unmount", "--all", check=False)
    sys.exit(done.returncode)


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, although podman cleans up there when its commands ended."""

    def gone() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        until(gone)


def check(images: Images, folder: Path, count: int) -> None:
    """Everything that deploy/README.md says of the container, with so many photos."""
    photos = folder / "photos"
    for seed in range(count):
        save(photos / f"{seed % 4}/{seed}.jpg", seed, width_px=640, height_px=480)
    photos.chmod(0o755)
    patience_s = EMULATED_S if images.emulated else PATIENCE_S
    start(images, photos)
    try:
        until(lambda: status() == (count, "idle"), patience_s)
        said(f"{count} photos indexed, as user {user_of(images)}")
        assert user_of(images) == "10001"
        assert len(asked("/api/images/1/similar?k=5")["items"]) == 5
        said("a photo has matches")
        assert healthy(images)
        said("the health check answers")
        for path in ("/photos/x", "/opt/x", "/x"):
            refused = images.podman("exec", NAME, "touch", path, check=False)
            assert refused.returncode != 0, path
        images.podman("exec", NAME, "touch", "/index/written")
        said("it writes to its index and nowhere else")
        assert images.podman("exec", NAME, "rm", "/index/written").returncode == 0
        limit = memory_limit(images)
        assert limit in (None, MEMORY_MIB * 1024**2), limit
        said("the memory limit is " + ("not enforced here" if limit is None else f"{limit} bytes"))

        vectors = files_of_vectors(images)
        images.podman("stop", "--time", "120", NAME)
        code = images.podman("inspect", "--format", "{{.State.ExitCode}}", NAME).stdout.strip()
        assert code == "0", code
        said("SIGTERM ends it with exit code 0")
        images.podman("start", NAME)
        until(lambda: status() == (count, "idle"), patience_s)
        assert files_of_vectors(images) == vectors
        said("after a restart the volume has the index, and nothing is embedded again")
    finally:
        images.podman("rm", "--force", "--volumes", NAME, check=False)


def start(images: Images, photos: Path) -> None:
    hidden = [f"--security-opt=mask={PROCESSORS}"] if images.emulated else []
    images.podman(
        "run", "--detach", f"--name={NAME}", *CONFINED, *hidden, f"--memory={MEMORY_MIB}m",
        f"--volume={photos}:/photos:ro", "--volume=index:/index", TAG,
    )  # fmt: skip


def status() -> tuple[int, str] | None:
    """Images and state of indexing; None while it does not answer."""
    with suppress(OSError):
        found = asked("/api/status")
        return found["images"], found["indexing"]["state"]
    return None


def asked(path: str) -> Any:
    with urllib.request.urlopen(URL + path, timeout=60) as answer:
        return json.load(answer)


def healthy(images: Images) -> bool:
    """What the health check says. Under QEMU Python starts too late for its limit of 5 s, so there
    its command is run without."""
    if not images.emulated:
        return images.podman("healthcheck", "run", NAME, check=False).returncode == 0
    shown = images.podman("inspect", "--format", "{{json .Config.Healthcheck.Test}}", NAME).stdout
    return images.podman("exec", NAME, *json.loads(shown)[1:], check=False).returncode == 0


def user_of(images: Images) -> str:
    return images.podman("exec", NAME, "id", "-u").stdout.strip()


def files_of_vectors(images: Images) -> str:
    """Size and time of each."""
    listing = "stat -c '%n %s %Y' /index/vectors*"
    return images.podman("exec", NAME, "sh", "-c", listing).stdout


def memory_limit(images: Images) -> int | None:
    """As the kernel has it, None where it has no such group."""
    pid = images.podman("inspect", "--format", "{{.State.Pid}}", NAME).stdout.strip()
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return int(Path(f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes").read_text())
        limit = Path(f"/sys/fs/cgroup{path}/memory.max")
        if not controllers and limit.exists():
            return int(limit.read_text())
    return None


def said(text: str) -> None:
    print(f"ok: {text}", flush=True)


if __name__ == "__main__":
    main()
