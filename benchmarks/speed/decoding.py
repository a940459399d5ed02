"""Decoding and indexing photos before and after a change, side by side.

    python -m benchmarks.speed.decoding --before 212103c~1 [--pairs 40] [--write docs/photos.md]

Both programs decode the same 12-megapixel JPEGs, and index a folder of them, in turns and each in
a process of its own, so that whatever else the machine does falls on both. Processor time counts,
of whole runs that of all processes: the middle of all pairs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE, Popen

import numpy as np
from PIL import Image

from edge_app.config import Config
from edge_app.photos.reading.cicp import profile_of_codes
from tools.report import machine, markdown, publish

WIDTH_PX, HEIGHT_PX = 4000, 3000
PICTURES, COPIES = 4, 15  # of a folder that is indexed
ROOT = Path(__file__).parents[2]
# Runs in either program: decodes what it is named, and says what processor time that took.
WORKER = """
import sys, time
from pathlib import Path
from edge_app.config import Limits
try:
    from edge_app.photos.children.decode import decode
except ImportError:  # as the package was once laid out
    from edge_app.photos.decode import decode
limits = Limits()
for line in sys.stdin:
    data = Path(line.strip()).read_bytes()
    start = time.process_time()
    decode(data, 224, limits)
    print(time.process_time() - start, flush=True)
"""


def photo(seed: int) -> Image.Image:
    """As large and as detailed as one of a phone, 4 MB at quality 90."""
    chance = np.random.default_rng(seed)
    picture = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    for side_px, share in ((8, 90), (64, 40), (512, 14), (WIDTH_PX, 7)):
        noise = chance.normal(0, share, (side_px * 3 // 4, side_px, 3)).astype(np.float32)
        for channel in range(3):
            layer = Image.fromarray(noise[:, :, channel])
            picture[:, :, channel] += np.asarray(layer.resize((WIDTH_PX, HEIGHT_PX)))
    return Image.fromarray(np.clip(picture + 128, 0, 255).astype(np.uint8))


def decode_s(worker: Popen[str], path: Path) -> float:
    """Seconds of processor time that one decode of the file took."""
    assert worker.stdin is not None and worker.stdout is not None
    print(path, file=worker.stdin, flush=True)
    return float(worker.stdout.readline())


def index_s(place: Path, photos: Path, model: Path) -> float:
    """Seconds of processor time that a whole index run takes, in the program below `place`."""
    with tempfile.TemporaryDirectory() as index:
        before = os.times()
        subprocess.run(
            [sys.executable, "-m", "edge_app", "index", "--gallery", photos, "--index", index,
             "--model", model],
            cwd=place, env=os.environ | {"PYTHONPATH": str(place)}, stdout=PIPE, check=True,
        )  # fmt: skip
        after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def fill(folder: Path, profile: bytes | None) -> None:
    """Photos of 12 megapixels: a few pictures, and copies of them that are no twins."""
    folder.mkdir()
    for number in range(PICTURES):
        first = folder / f"{number}.jpg"
        photo(number).save(first, quality=90, icc_profile=profile)
        for copy in range(1, COPIES):
            name = folder / f"{number}-{copy}.jpg"
            name.write_bytes(first.read_bytes() + bytes(copy))


def row(what: str, pairs: list[tuple[float, float]], unit_s: float, unit: str) -> list[str]:
    """A line of the table: the medians, and that of all ratios."""
    then, now = (statistics.median(column) / unit_s for column in zip(*pairs, strict=True))
    ratio = statistics.median(after / before for before, after in pairs)
    return [what, f"{then:.1f} {unit}", f"{now:.1f} {unit}", f"{ratio:.3f}"]


def worker_in(place: Path) -> Popen[str]:
    """A process of the program below `place`."""
    return Popen(
        [sys.executable, "-c", WORKER],
        cwd=place, env={"PYTHONPATH": str(place)}, stdin=PIPE, stdout=PIPE, text=True,
    )  # fmt: skip


def main() -> None:
    """Print a table, or write it into a document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", required=True, help="a commit")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--runs", type=int, default=8, help="pairs of whole index runs")
    parser.add_argument("--model", type=Path, default=Config().model)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    rows = []
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", folder / "then", options.before], check=True)
        opened.callback(lambda: subprocess.run([*git, "remove", "--force", folder / "then"]))
        workers = [worker_in(folder / "then"), worker_in(ROOT)]
        for worker in workers:
            opened.callback(worker.kill)
        places, model = (folder / "then", ROOT), options.model.resolve()
        kinds = {"JPEG": None, "JPEG with a P3 profile": profile_of_codes(12, 13)}
        for number, (kind, profile) in enumerate(kinds.items()):
            photos = folder / str(number)
            fill(photos, profile)
            for worker in workers:
                decode_s(worker, photos / "1.jpg")
            decoded = [
                (decode_s(workers[0], photos / "1.jpg"), decode_s(workers[1], photos / "1.jpg"))
                for _ in range(options.pairs)
            ]
            rows.append(row(f"{kind}, decoding one", decoded, 1e-3, "ms"))
            indexed = [
                (index_s(places[0], photos, model), index_s(places[1], photos, model))
                for _ in range(options.runs)
            ]
            rows.append(row(f"{kind}, an index run of {PICTURES * COPIES}", indexed, 1, "s"))
    head = ["12 megapixels", "before", "now", "times"]
    publish("decoding", "\n".join([*markdown(head, rows), "", machine()]), options.write)


if __name__ == "__main__":
    main()
