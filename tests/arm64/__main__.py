"""Index, search, check and serve on emulated 64-bit ARM, beside the same on this machine.

    make test-arm64 [SUITE=bookworm] [ARM64_CACHE=DIR] [MIRROR=URL]

50 photos of ../shared, or of scikit-image, are indexed by both; then each searches and serves the
index that the other has built. It ends with an error where embeddings, answers or scores differ.
QEMU is no board: what it shows is that the packages for ARM compute the same, not how fast.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_app.errors import EdgeAppError
from edge_app.index.read.reader import Reader
from edge_app.library.scan import scan
from tests.arm64.kernels import difference
from tests.arm64.tree import SUITES, command_in, emulation, make_tree
from tests.conftest import ROOT
from tools.report import machine, markdown, publish
from tools.scikit import unpack

FLOWERS = ROOT.parent / "shared/photos/flowers"
PHOTOS = 50  # of the flowers
QUERIES = 10
K = 10
COSINE_OFF = 1e-4  # by which the embeddings of one photo may differ
SCORE_OFF = 1e-5
# As QEMU names them: that of a Raspberry Pi 4, that of a Raspberry Pi 5, and one with all that QEMU
# has, SVE and SME among it.
PROCESSORS = {
    "cortex-a72": "NumPy",
    "cortex-a76": "NumKong (neonsdot)",
    "max": "NumKong (svesdot)",
}
START_S = 120.0  # for an emulated server


class Side(NamedTuple):
    """One of the two, and how it runs a command of the program."""

    name: str
    python: Sequence[str]
    work: str  # the folder both work in, as this side names it

    def command(self, command: str, index: str, *words: str) -> list[str]:
        """Over the index that the side named so has built."""
        where = ["--index", f"{self.work}/{index}", "--model", f"{self.work}/mobilenet_v2.tflite"]
        if command in ("index", "serve", "search"):
            where += ["--gallery", f"{self.work}/library"]
        else:
            where = where[:2]
        return [*self.python, "-m", "edge_app", command, *where, *words]

    def run(self, command: str, index: str, *words: str) -> list[Any]:
        """What it prints, as JSON; an error ends the program."""
        words = (*words, "--json")
        done = subprocess.run(
            self.command(command, index, *words), cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    @contextmanager
    def serving(self, index: str) -> Iterator[str]:
        """The URL of a server of that index."""
        words = ("--no-watch", "--port", "0")
        server = subprocess.Popen(
            self.command("serve", index, *words), cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout
            yield server.stdout.readline().split()[-1].rstrip("/")  # it says where it listens
        finally:
            server.terminate()
            server.wait(START_S)


def fetch(url: str) -> bytes:
    """The body of a good answer."""
    with urllib.request.urlopen(url, timeout=START_S) as answer:
        body: bytes = answer.read()
        return body


def embeddings(index: Path) -> dict[str, NDArray[np.float32]]:
    """Path -> (dim,) float32, of every image."""
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        ids = snapshot.ids[snapshot.live].tolist()
        vectors = np.array(snapshot.vectors[snapshot.live])
        paths = [image.path for image in reader.images(ids)]
    return dict(zip(paths, vectors, strict=True))


def largest_difference(
    ours: dict[str, NDArray[np.float32]], theirs: dict[str, NDArray[np.float32]]
) -> float:
    """1 - the lowest cosine between the embeddings of one photo; both know the same photos."""
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    return max(1 - float(ours[path].astype(float) @ theirs[path]) for path in ours)


def score_difference(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> float:
    """How far the scores of two answers are apart; they name the same images in the same order."""
    assert [match["id"] for match in ours] == [match["id"] for match in theirs], (ours, theirs)
    return max(abs(float(a["score"] - b["score"])) for a, b in zip(ours, theirs, strict=True))


def collect_photos(library: Path, flowers: Path = FLOWERS) -> list[str]:
    """Copy what is indexed, or those of scikit-image where that is missing; their paths."""
    if flowers.is_dir():
        kinds = sorted(flowers.iterdir())
        for kind in kinds:
            (library / kind.name).mkdir(parents=True)
            for photo in sorted(kind.iterdir())[: PHOTOS // len(kinds)]:
                shutil.copy(photo, library / kind.name)
    else:
        unpack(library)
    return sorted(file.path for file in scan(library).files)


def compare(here: Side, arm: Side, work: Path, names: Sequence[str]) -> list[list[str]]:
    """Everything, in order; lines of the report."""
    lines = []
    for side in (here, arm):
        began = time.monotonic()
        (report,) = side.run("index", f"index-{side.name}")[-1:]
        assert report["added"] == len(names), report
        took = f"{len(names)} photos in {time.monotonic() - began:.0f} s"
        lines.append([f"indexed on {side.name}", took])
    off = largest_difference(*(embeddings(work / f"index-{side.name}") for side in (here, arm)))
    assert off < COSINE_OFF, f"the embeddings of one photo differ by {off} in cosine"
    lines.append(["embeddings, largest difference in cosine", f"{off:.1e}"])
    asked = [*names[:: max(1, len(names) // QUERIES)]][:QUERIES]
    for builder in (here, arm):
        index = f"index-{builder.name}"
        answers = [side.run("search", index, *asked, "--k", str(K)) for side in (here, arm)]
        offs = [
            score_difference(ours["matches"], theirs["matches"])
            for ours, theirs in zip(*answers, strict=True)
        ]
        assert max(offs) < SCORE_OFF, offs
        lines.append(
            [f"{len(asked)} searches in the index of {builder.name}, by both", "the same images, "
             f"scores within {max(offs):.1e}"]
        )  # fmt: skip
        for side in (here, arm):
            side.run("check", index)
        lines.append([f"the index of {builder.name}, checked by both", "no damage"])
    for side, builder in ((here, arm), (arm, here)):
        lines.append(served(side, f"index-{builder.name}", here))
    return lines


def kernels(here: Side, arm: Callable[..., Sequence[str]]) -> list[str]:
    """What multiplies on each processor that QEMU knows, and that the answers are the same."""
    module = ("-m", "tests.arm64.kernels")

    def found(command: Sequence[str]) -> dict[str, Any]:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        answers: dict[str, Any] = json.loads(done.stdout)
        return answers

    ours, said, off = found([*here.python, *module]), [], 0.0
    for processor, kernel in PROCESSORS.items():
        theirs = found(arm("env", f"QEMU_CPU={processor}", "python3", *module))
        assert theirs["kernel"] == kernel, (processor, theirs["kernel"])
        off = max(off, difference(ours, theirs))
        said.append(f"{processor}: {kernel}")
    assert off < SCORE_OFF, off
    what = "searches by codes and by vectors, on each of these and here"
    return [what, f"{', '.join(said)}; here: {ours['kernel']}. The same images, within {off:.1e}"]


def served(side: Side, index: str, here: Side) -> list[str]:
    """What one side serves of an index that the other has built is what this machine finds."""
    with side.serving(index) as url:
        page, listing = fetch(f"{url}/"), json.loads(fetch(f"{url}/api/images"))
        assert b"<!doctype html>" in page.lower()
        first = listing["items"][0]
        assert fetch(f"{url}/thumbs/{first['id']}").startswith(b"\xff\xd8")
        similar = json.loads(fetch(f"{url}/api/images/{first['id']}/similar?k={K}"))["items"]
    (found,) = here.run("search", index, first["path"], "--k", str(K))
    off = score_difference(similar, found["matches"])
    assert off < SCORE_OFF, off
    return [f"{side.name} serves the {index}", "page, listing, thumbnail, the same matches"]


def main() -> None:
    """Make the system where there is none, compare, and print or write down what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.arm64", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="where the system is kept")
    parser.add_argument("--suite", choices=SUITES, default="bookworm")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument("--model", type=Path, default=ROOT / "models/mobilenet_v2.tflite")
    parser.add_argument("--write", type=Path, metavar="FILE", help="instead of printing")
    options = parser.parse_args()
    with emulation(), tempfile.TemporaryDirectory() as name:
        tree = make_tree(options.cache.absolute(), options.suite, options.mirror)
        work = Path(name)
        names = collect_photos(work / "library")
        for suffix in (".tflite", ".json"):
            shutil.copy(options.model.with_suffix(suffix), work)
        here = Side("x86-64", [sys.executable], str(work))
        arm = Side("arm64", command_in(tree, ROOT, work, "python3"), "/srv/work")
        began = time.monotonic()
        (facts,) = arm.run("info", "index-arm64")
        lines = [["system", f"Debian {options.suite}, {facts['program']['runtime']}, under QEMU"]]
        lines.append(kernels(here, partial(command_in, tree, ROOT, work)))
        lines += compare(here, arm, work, names)
        lines.append(["all of it", f"{(time.monotonic() - began) / 60:.0f} minutes"])
    found = "\n".join([*markdown(["", "emulated 64-bit ARM"], lines), "", machine()])
    publish(options.suite, found, options.write)


if __name__ == "__main__":
    try:
        main()
    except EdgeAppError as error:
        sys.exit(f"error: {error}")
