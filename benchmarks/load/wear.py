"""What indexing and serving write to the card, counted where the card would count it.

    sudo python -m benchmarks.load.wear --write docs/small-devices.md

The index lies on a file system of its own (ext4 on a loop device), whose block device counts every
sector that is written: file system metadata, journal and all. The measure is what can't be done
without, vectors and thumbnails.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.load.small_memory import THUMBNAIL_BYTES, Visits, is_idle, serving, took_ms
from edge_app.bench.indexing import family, run_index
from edge_app.bench.photos import make_photos
from edge_app.bench.vectors import made_up
from edge_app.config import Config
from edge_app.index.read.reader import Reader
from edge_app.index.write.batch import BATCH_IMAGES, Batch
from edge_app.index.write.writer import Writer
from edge_app.model.card import ModelCard, ModelIdentity
from tools.report import machine, markdown, publish

PARTS = ("written", "idle")
SECTOR_BYTES = 512  # of a block device's statistics, whatever the device's own (kernel: block/stat)
DISK_BYTES = 4 << 30  # sparse: what is not written takes no room
A_FOLDER = 500  # images
SETTLE_S = 40  # the kernel lets what is dirty lie for 30 s (vm.dirty_expire_centisecs)


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system, and what has reached the device below it."""

    folder: Path
    device: str

    def written_bytes(self) -> int:
        """Since it was mounted, what is still in the page cache included."""
        subprocess.run(["sync", "--file-system", self.folder], check=True)
        stat = Path(f"/sys/block/{self.device}/stat").read_text().split()
        return int(stat[6]) * SECTOR_BYTES


@contextmanager
def disk(home: Path) -> Iterator[Disk]:
    """ext4 as on a card. Needs root and loop devices."""
    image, folder = home / "disk.img", home / "disk"
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    folder.mkdir()
    # Otherwise the kernel goes on laying out the file system while we count.
    at_once = ["-E", "lazy_itable_init=0,lazy_journal_init=0"]
    subprocess.run(["mkfs.ext4", "-q", *at_once, image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        device = next(Path(mount[0]).name for mount in mounts if mount[1] == str(folder))
        yield Disk(folder, device)
    finally:
        subprocess.run(["umount", folder], check=True)
        image.unlink()


def needed_bytes(index: Path) -> int:
    """Vectors and thumbnails of all images."""
    with Reader(index) as reader:
        vectors = reader.snapshot().vectors.nbytes
    return vectors + sum(path.stat().st_size for path in index.glob("thumbs-*.bin"))


def photos(disk: Disk, config: Config, count: int) -> list[str]:
    """Photos as from a camera, by `index`."""
    make_photos(config.gallery, count, (1600, 1200))
    before = disk.written_bytes()
    run_index(config)
    written = disk.written_bytes() - before
    return row("photos, by `index`", count, needed_bytes(config.index), written)


def records(disk: Disk, config: Config, count: int, *, in_order: bool) -> list[str]:
    """Made-up images by the index's writer alone, in batches as `index` makes them."""
    before = disk.written_bytes()
    commit_records(config, ModelCard.load(config.model).identity("any"), count, in_order=in_order)
    written = disk.written_bytes() - before
    kind = "taken one after another" if in_order else "names and dates at random"
    return row(f"made up, {kind}", count, needed_bytes(config.index), written)


def commit_records(config: Config, identity: ModelIdentity, count: int, *, in_order: bool) -> None:
    """A new index of images that nobody took; `in_order` as one camera takes them."""
    chance = random.Random(0)
    vectors = np.random.default_rng(0)
    half = BATCH_IMAGES // 2
    names = list(camera_names(count) if in_order else any_names(chance, count))
    with Writer(config.index, config.gallery, identity) as writer:
        for start in range(0, count, half):
            rows = vectors.standard_normal((min(half, count - start), identity.dim))
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            images = [
                replace(
                    made_up(number, row.astype(np.float32), chance.randbytes(THUMBNAIL_BYTES)),
                    path=names[number],
                    content=chance.randbytes(16),
                    taken_at=10**9 + (60 * number if in_order else chance.randrange(10**9)),
                    camera="Canon EOS 5D Mark II",
                )
                for number, row in enumerate(rows, start)
            ]
            writer.commit(Batch(images=images))
        writer.finish()


def camera_names(count: int) -> Iterator[str]:
    """Folder by folder, numbered through as a camera does: up to 9999, then from 1 again."""
    for number in range(count):
        yield f"{number // A_FOLDER:04}/IMG_{1 + number % 9999:04}.JPG"


def any_names(chance: random.Random, count: int) -> Iterator[str]:
    """Folder by folder and there by name, as a library is scanned, whatever the names are."""
    for folder in range(0, count, A_FOLDER):
        names = (f"{chance.randrange(10**9)}.jpg" for _ in range(A_FOLDER))
        yield from (f"{folder:06}/{name}" for name in sorted(names))


def row(what: str, count: int, needed: int, written: int) -> list[str]:
    """A line of the table."""
    return [
        what,
        f"{count:,}",
        f"{needed / count / 1000:.1f} KB",
        f"{written / count / 1000:.1f} KB",
        f"**{written / needed:.2f}**",
    ]


def idle(disk: Disk, config: Config, seconds: int) -> str:
    """A server that has indexed everything and been looked at, then left alone."""
    seen = Visits()
    with serving(config, None) as port:
        while not is_idle(port):
            time.sleep(1)
        took_ms(port, seen, "/", "/api/images", "/api/images/1/similar")
        time.sleep(SETTLE_S)
        before, before_calls = disk.written_bytes(), calls_bytes(os.getpid())
        time.sleep(seconds)
        written, calls = disk.written_bytes() - before, calls_bytes(os.getpid()) - before_calls
    return (
        f"A server that watches its library and is not asked anything for {seconds / 60:.0f} "
        f"minutes: {calls} bytes written by its processes, {written} by the device below its index."
    )


def calls_bytes(pid: int, what: str = "write_bytes") -> int:
    """What a process, its descendants and those of them that have ended wrote (proc_pid_io(5)).

    "write_bytes" is what they had the file system write, "wchar" what they passed to calls.
    """
    total = 0
    for member in family(pid):
        lines = Path(f"/proc/{member}/io").read_text().splitlines()
        total += int(dict(line.split(": ") for line in lines)[what])
    return total


def main() -> None:
    """Print what is asked for, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.wear", description=__doc__)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--idle", type=int, default=600, metavar="SECONDS")
    parser.add_argument("--model", type=Path, default=Config().model)
    parser.add_argument("--part", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()

    def measured(measure: Callable[..., list[str]], count: int, **how: bool) -> list[str]:
        with fresh(options.model) as (on, config):
            return measure(on, config, count, **how)

    if "written" in options.part:
        lines = [
            measured(photos, options.photos),
            measured(records, options.records, in_order=True),
            measured(records, options.records, in_order=False),
        ]
        head = ("images", "", "vectors and thumbnails", "written", "times")
        publish("wear", "\n".join([*markdown(head, lines), "", machine()]), options.write)
    if "idle" in options.part:
        with fresh(options.model) as (on, config):
            make_photos(config.gallery, 20, (1600, 1200))
            publish("idle", f"{idle(on, config, options.idle)}\n\n{machine()}", options.write)


@contextmanager
def fresh(model: Path) -> Iterator[tuple[Disk, Config]]:
    """A disk for an index, and an empty library elsewhere."""
    with tempfile.TemporaryDirectory() as folder, disk(Path(folder)) as on:
        gallery = Path(folder, "library")
        gallery.mkdir()
        yield on, Config(gallery=gallery, index=on.folder / "index", model=model.resolve())


if __name__ == "__main__":
    main()
