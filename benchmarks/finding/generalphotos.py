"""Photos of many kinds to learn from, none of which is in any labelled folder that is tested on.

    python -m benchmarks.finding.generalphotos FOLDER

They come from Debian's wallpaper packages and OpenCV's examples, whose licences are free, through
apt: the same versions by SHA-256, so that a fit can be made again. The photos of scikit-image
are added. Of pictures that are alike, such as one wallpaper in ten sizes, the largest file
is kept; of one colour, none.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.scikit import unpack

# Debian 12: name=version, and the SHA-256 of the package.
PACKAGES = {
    "gnome-backgrounds=43.1-1": (
        "a670dea21572652127d6e55f9cdb3a226d0037854fdbfd037003c7d00ee0dc4e"
    ),
    "lomiri-wallpapers-16.04=20.04.0-2": (
        "a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab"
    ),
    "lomiri-wallpapers-20.04=20.04.0-2": (
        "d44e89b8473aafe64a5b678f014862dc31335aaaf18665c544d985d854f1a709"
    ),
    "lomiri-wallpapers=20.04.0-2": (
        "6b75961132a2035f9c4db79f725a7290092619c5c8f672071c84cb5b10898e07"
    ),
    "mate-backgrounds=1.26.0-1": (
        "7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04"
    ),
    "opencv-doc=4.6.0+dfsg-12": (
        "4b12681df35878207ac7097dc66184b2ae552e4bf4ddd2af04a0f03ed0b8682a"
    ),
    "plasma-workspace-wallpapers=4:5.27.5-2": (
        "32cd18b71c8c938a18b3b351f217c02ac590e323caa3cf322fbb875ce8892f8b"
    ),
    "sway-backgrounds=1.7-6": ("bbd637e4a27eb305beb88f2a5ba34ab53f86b2027066ffe3ed814d6b221220b5"),
    "ukui-wallpapers=20.04.3-1.1": (
        "6d49be70152e6d603163458e177e501deb0be8f2916389ccbfcf59b0d7fc0262"
    ),
}
# Where in a package the photos are; the rest of it is screenshots, and one board from all sides.
PHOTOS = {"opencv-doc": "usr/share/doc/opencv-doc/examples/data/[!lr]*.jpg"}
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
LEAST_SIDE_PX = 400  # smaller ones are previews
LONGEST_SIDE_PX = 640  # models look at 224
DECODED_PX = 1024, 1024  # of a JPEG, at least; then it is made smaller
FLAT = 2.0  # greys of 255 by which such a picture varies at most, as a standard deviation
ALIKE = 0.95  # cosine of two pictures' 16 × 16 greys, each minus its mean


def fetch(package: str, sha256: str, folder: Path) -> list[Path]:
    """The files of one package among which photos are; ends the program if it is another one."""
    name = package.partition("=")[0]
    place = folder / name
    place.mkdir()
    subprocess.run(["apt-get", "download", package], cwd=place, check=True, capture_output=True)
    (archive,) = place.glob("*.deb")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
        raise SystemExit(f"{package} has another SHA-256 than {sha256}")
    subprocess.run(["dpkg-deb", "-x", archive, place], check=True)
    found = place.glob(PHOTOS.get(name, "**/*"))
    return [path for path in found if path.is_file() and not path.is_symlink()]


def pictures(files: Iterable[Path]) -> Iterator[Image.Image]:
    """Every picture that is large enough, the largest file first, at most 640 px wide or high."""
    for path in sorted(files, key=lambda path: (-path.stat().st_size, path)):
        if path.suffix.lower() in SUFFIXES:
            with Image.open(path) as picture:
                if min(picture.size) < LEAST_SIDE_PX:
                    continue
                picture.draft("RGB", DECODED_PX)
                small = picture.convert("RGB")
            small.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
            yield small


def greys(picture: Image.Image) -> NDArray[np.float64] | None:
    """(256,) a unit vector of what is bright and what is dark; None of a flat picture."""
    grey = np.asarray(picture.resize((16, 16)).convert("L"), np.float64).ravel()
    if grey.std() <= FLAT:
        return None
    grey -= grey.mean()
    unit: NDArray[np.float64] = grey / np.linalg.norm(grey)
    return unit


def collect(output: Path) -> int:
    """Write the photos as JPEGs; how many there are."""
    output.mkdir(parents=True)
    seen: list[NDArray[np.float64]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for package, sha256 in PACKAGES.items():
            for picture in pictures(fetch(package, sha256, Path(scratch))):
                grey = greys(picture)
                if grey is not None and all(grey @ other <= ALIKE for other in seen):
                    seen.append(grey)
                    picture.save(output / f"{len(seen):03}.jpg", quality=92)
        unpack(Path(scratch) / "gallery")
        for file in (Path(scratch) / "gallery").iterdir():
            shutil.copy(file, output / f"gallery-{file.name}")
    return len(list(output.iterdir()))


def main() -> None:
    """Collect them into the folder on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finding.generalphotos", description=__doc__
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    print(f"{collect(parser.parse_args().folder)} photos")


if __name__ == "__main__":
    main()
