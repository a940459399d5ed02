"""The photographs that the scikit-image wheel carries: captions and benchmarks know each by name.

The wheel is fetched without its dependencies and checked by hash; nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from edge_app.errors import EdgeAppError

VERSION = "0.26.0"
# One wheel for everybody, since interpreter and platform don't matter.
WHEEL = {"--python-version": "3.11", "--platform": "manylinux_2_28_x86_64"}
SHA256 = "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af"

# The photographs of skimage/data; its drawings, scans of text and masks are left out. Licences
# stand in the wheel's skimage/data/README.txt and skimage/data/_fetchers.py: public domain, CC0,
# or given by their photographers.
PHOTOS = (
    "astronaut.png brick.png camera.png cell.png chelsea.png clock_motion.png coffee.png coins.png "
    "grass.png gravel.png hubble_deep_field.jpg ihc.png moon.png motorcycle_left.png "
    "motorcycle_right.png retina.jpg rocket.jpg"
).split()


def unpack(folder: Path) -> None:
    """Put the photos into `folder`, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as there, zipfile.ZipFile(_fetch(Path(there))) as wheel:
        for name in PHOTOS:
            (folder / name).write_bytes(wheel.read(f"skimage/data/{name}"))


def _fetch(folder: Path) -> Path:
    """Download the wheel into `folder` and check it."""
    options = [word for pair in WHEEL.items() for word in pair]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", *options, f"scikit-image=={VERSION}"]
    done = subprocess.run(
        [*command, "--dest", str(folder)], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise EdgeAppError(f"the photos of scikit-image {VERSION} can't be fetched ({reason})")
    if hashlib.sha256(wheels[0].read_bytes()).hexdigest() != SHA256:
        raise EdgeAppError(f"{wheels[0].name} has another SHA-256 than expected; nothing unpacked")
    return wheels[0]
