"""Fills an empty default gallery with the real photos that the scikit-image wheel carries.

Run as `python -m tools.samples [DIR]`; `make run` does. The wheel is fetched without its
dependencies, checked by hash, and only photos are unpacked from it.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from edge_app.config import Config
from edge_app.errors import EdgeAppError
from edge_app.library.rules import is_image_name

VERSION = "0.26.0"
# One wheel for everybody: nothing in it is executed, so interpreter and platform don't matter.
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


TRY = """When the address is shown, open it in a browser and try:
  - open a photo: the most similar ones are beside it
  - drag over a part of the photo: it searches for that part
  - drop a picture of your own on the page
  - your own photos: make run GALLERY=~/Pictures
  - your phone: make run LAN=1"""


def fill(gallery: Path) -> int:
    """Unpack the sample photos into `gallery`; the number of photos written.

    A gallery that is not the default one, or that holds an image already, is left alone: 0.
    """
    is_default = gallery.resolve() == Config().gallery.resolve()
    if not is_default or any(is_image_name(path.name) for path in gallery.rglob("*")):
        return 0
    unpack(gallery)
    return len(PHOTOS)


def unpack(folder: Path) -> None:
    """Put the sample photos into `folder`, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as there, zipfile.ZipFile(_fetch(Path(there))) as wheel:
        for name in PHOTOS:
            part = folder / f".{name}.part"
            part.write_bytes(wheel.read(f"skimage/data/{name}"))
            part.rename(folder / name)


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
        raise EdgeAppError(
            f"the sample photos can't be fetched ({reason}); put photos of your own into "
            f"{Config().gallery}/ or run `make run GALLERY=folder`"
        )
    if hashlib.sha256(wheels[0].read_bytes()).hexdigest() != SHA256:
        raise EdgeAppError(f"{wheels[0].name} has another SHA-256 than expected; nothing unpacked")
    return wheels[0]


def main() -> int:
    """Fill the gallery named on the command line and say so."""
    gallery = Path(sys.argv[1]) if len(sys.argv) > 1 else Config().gallery
    try:
        count = fill(gallery)
    except EdgeAppError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if count:
        print(f"{gallery} was empty: {count} sample photos from scikit-image {VERSION} put there")
    print(TRY)
    return 0


if __name__ == "__main__":
    sys.exit(main())
