"""Builds the container and runs it as deploy/compose.yaml does: confined, and over its life.

    sudo python -m tests.container --cache DIR [--mirror URL]

It runs in a network namespace of its own, so that nothing else's port is in the way.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.container.image import TAG, Images, debian, missing_tools
from tools.testing.pictures import save
from tools.testing.waiting import until

PHOTOS = 120
MEMORY_MIB = 512
NAME = "lookalike-test"
URL = "http://127.0.0.1:5000"
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
    options = parser.parse_args()
    inside = os.environ.get(INSIDE)
    if inside:
        check(Images(Path(inside)), Path(inside))
        return
    if missing := missing_tools():
        raise SystemExit(f"missing; on Debian: apt install {' '.join(missing)}")
    if os.geteuid() != 0:
        raise SystemExit("containers are run without a daemon here: run it as root")
    with tempfile.TemporaryDirectory(dir=options.cache.parent) as folder:
        images = Images(Path(folder))
        images.make_base(debian(options.cache.absolute(), options.mirror))
        images.build(Path(folder) / "context")
        print("built", flush=True)
        command = [sys.executable, "-m", "tests.container", "--cache", str(options.cache)]
        namespace = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        done = subprocess.run([*namespace, *command], env=os.environ | {INSIDE: folder})
        images.podman("unmount", "--all", check=False)
    sys.exit(done.returncode)


def check(images: Images, folder: Path) -> None:
    """Everything that deploy/README.md says of the container."""
    photos = folder / "photos"
    for seed in range(PHOTOS):
        save(photos / f"{seed % 4}/{seed}.jpg", seed, width_px=640, height_px=480)
    photos.chmod(0o755)
    start(images, photos)
    try:
        until(lambda: status() == (PHOTOS, "idle"))
        said(f"{PHOTOS} photos indexed, as user {user_of(images)}")
        assert user_of(images) == "10001"
        assert len(asked("/api/images/1/similar?k=5")["items"]) == 5
        said("a photo has matches")
        assert images.podman("healthcheck", "run", NAME, check=False).returncode == 0
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
        images.podman("stop", "--time", "30", NAME)
        code = images.podman("inspect", "--format", "{{.State.ExitCode}}", NAME).stdout.strip()
        assert code == "0", code
        said("SIGTERM ends it with exit code 0")
        images.podman("start", NAME)
        until(lambda: status() == (PHOTOS, "idle"))
        assert files_of_vectors(images) == vectors
        said("after a restart the volume has the index, and nothing is embedded again")
    finally:
        images.podman("rm", "--force", "--volumes", NAME, check=False)


def start(images: Images, photos: Path) -> None:
    images.podman(
        "run", "--detach", f"--name={NAME}", *CONFINED, f"--memory={MEMORY_MIB}m",
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
