"""Decoding a photo for the index before and after a change, side by side.

    python -m benchmarks.speed.decoding --before 212103c~1 [--pairs 40] [--write docs/photos.md]

Both programs decode the same 12-megapixel JPEGs, in turns and each in a process of its own, so that
whatever else the machine does falls on both. Processor time counts: the middle of all pairs.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE, Popen

import numpy as np
from PIL import Image

from edge_app.photos.reading.cicp import profile_of_codes
from tools.report import machine, markdown, publish

WIDTH_PX, HEIGHT_PX = 4000, 3000
ROOT = Path(__file__).parents[2]
# Runs in either program: decodes what it is named, and says what processor time that took.
WORKER = """
import sys, time
from pathlib import Path
from edge_app.config import Limits
from edge_app.photos.children.decode import decode
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
        kinds = {"JPEG": None, "JPEG with a P3 profile": profile_of_codes(12, 13)}
        for kind, profile in kinds.items():
            path = folder / "photo.jpg"
            photo(1).save(path, quality=90, icc_profile=profile)
            for worker in workers:
                decode_s(worker, path)
            pairs = [
                tuple(decode_s(worker, path) for worker in workers) for _ in range(options.pairs)
            ]
            then, now = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(after / before for before, after in pairs)
            rows.append([kind, f"{then:.1f} ms", f"{now:.1f} ms", f"{ratio:.3f}"])
    head = ["12 megapixels", "before", "now", "times"]
    publish("decoding", "\n".join([*markdown(head, rows), "", machine()]), options.write)


if __name__ == "__main__":
    main()
