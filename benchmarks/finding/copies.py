"""How well copies are found and told from what is only alike, and which copy is kept.

    python -m benchmarks.finding.copies models/mobilenet_v2.tflite --photos FLOWERS

For each edit, every fourth photo of the folder and its edited copy make a library that is indexed
as on a device; a copy is found where it is in a group with its original. False pairs are two photos
of the folder in one group; pages of text and screenshots are drawn, each another. Last, of a photo
and its resized copy, saved better than the original, which one is proposed.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.finding.copyedits import COPIES, RESIZED, Copy, chat, jpeg, text_page
from benchmarks.finding.retrieval import short
from edge_app.config import Config
from edge_app.index.format.records import ImageRecord
from edge_app.index.read.reader import Reader
from edge_app.indexing.run import run_index
from edge_app.library.scan import scan
from edge_app.library.sources import library_of
from edge_app.search.alike.duplicates import KINDS
from edge_app.search.alike.groups import DUPLICATE_SCORE, Review
from edge_app.search.alike.keeper import Keeper
from edge_app.search.alike.patterns import near_pairs
from tools.report import machine, markdown, publish

EACH = 4  # every fourth photo is edited
DRAWN = 30  # pages and screens
PATTERNS = 100_000
Grouped = dict[str, list[set[str]]]  # paths of the images of each group, by kind


class Library:
    """A folder that is filled, indexed and grouped; then it is empty again."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.config = Config(gallery=folder / "photos", index=folder / "index", model=model)

    def grouped(self, files: Iterable[tuple[str, bytes]]) -> Grouped:
        self.fill(files)
        with closing(Reader(self.config.index)) as reader:
            found = Review(reader).all_groups(DUPLICATE_SCORE)
            return {
                kind: [
                    {image.path for image in reader.images(m.id for m in group.members)}
                    for group in found.of_kind(kind)
                ]
                for kind in KINDS
            }

    def images(self, files: Iterable[tuple[str, bytes]]) -> dict[str, ImageRecord]:
        self.fill(files)
        with closing(Reader(self.config.index)) as reader:
            return {image.path: image for image in reader.page(limit=10_000).items}

    def fill(self, files: Iterable[tuple[str, bytes]]) -> None:
        for folder in (self.config.gallery, self.config.index):
            shutil.rmtree(folder, ignore_errors=True)
        self.config.gallery.mkdir(parents=True)
        for name, content in files:
            (self.config.gallery / name).write_bytes(content)
        run_index(self.config)


def originals(folder: Path) -> list[Image.Image]:
    found = sorted(file.path for file in scan(folder).files)[::EACH]
    return [ImageOps.exif_transpose(Image.open(folder / path)).convert("RGB") for path in found]


def pairs(photos: list[Image.Image], edit: Copy) -> Iterable[tuple[str, bytes]]:
    """Each photo and its copy."""
    for number, photo in enumerate(photos):
        yield f"{number}.jpg", jpeg(photo, 95)
        yield f"{number}-copy", edit(photo, random.Random(number))


def found_table(library: Library, photos: list[Image.Image]) -> list[str]:
    """Of each edit, how many copies are found in each kind of group."""
    rows, recalls = [], []
    for name, edit in COPIES.items():
        groups = library.grouped(_named(pairs(photos, edit)))
        shares = {
            kind: np.mean(
                [
                    any(_is_of(group, number) for group in groups[kind])
                    for number in range(len(photos))
                ]
            )
            for kind in ("same", "alike")
        }
        recalls.append([*map(float, shares.values()), float(sum(shares.values()))])
        rows.append([name, *map(short, recalls[-1])])
    rows.append(["**mean**", *(f"**{short(float(mean))}**" for mean in np.mean(recalls, axis=0))])
    return markdown(["copy", "same picture", "alike", "together"], rows)


def _named(files: Iterable[tuple[str, bytes]]) -> Iterable[tuple[str, bytes]]:
    """With the ending that the content has."""
    for name, content in files:
        ending = {b"\x89PNG": ".png", b"RIFF": ".webp"}.get(content[:4], ".jpg")
        yield (name if "." in name else name + ending), content


def _is_of(group: set[str], number: int) -> bool:
    return {f"{number}.jpg"} <= group and any(path.startswith(f"{number}-copy") for path in group)


def false_table(library: Library, folder: Path) -> list[str]:
    """Pairs of different pictures in one group, by kind."""
    files = sorted(file.path for file in scan(folder).files)
    chance = random.Random(0)
    sets: dict[str, list[tuple[str, bytes]]] = {
        f"photos of {folder.name}": [
            (f"{number}.jpg", (folder / path).read_bytes()) for number, path in enumerate(files)
        ],
        "pages of text": [(f"{number}.png", text_page(chance)) for number in range(DRAWN)],
        "screenshots of a chat": [(f"{number}.png", chat(chance)) for number in range(DRAWN)],
    }
    rows = []
    for name, each in sets.items():
        groups = library.grouped(each)
        counts = [
            sum(len(list(combinations(group, 2))) for group in groups[kind]) for kind in KINDS
        ]
        all_pairs = len(each) * (len(each) - 1) // 2
        rows.append([f"{len(each)} {name}", f"{all_pairs:,}", *map(str, counts)])
    return markdown(["different pictures", "pairs", *KINDS], rows)


def keep_table(library: Library, photos: list[Image.Image]) -> list[str]:
    """How often the original is proposed, though its resized copy is saved better."""
    rows = []
    for name, edit in RESIZED.items():
        images = library.images(_named(pairs(photos, edit)))
        right = []
        with closing(Keeper(library_of(library.config), library.config.limits)) as keeper:
            for number in range(len(photos)):
                original = images[f"{number}.jpg"]
                keep = keeper.now([original, images[f"{number}-copy.jpg"]])
                right.append(keep.id == original.id)
        rows.append([name, short(float(np.mean(right)))])
    return markdown(["copy", "the original is proposed"], rows)


def pairs_s() -> float:
    """Seconds of processor time to find all near pairs of random patterns."""
    patterns = np.random.default_rng(0).integers(1, 2**63, PATTERNS, dtype=np.uint64)
    start = time.process_time()
    for _ in near_pairs(patterns):
        pass
    return time.process_time() - start


def main() -> None:
    """Measure one model on one folder."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finding.copies", description=__doc__
    )
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    photos = originals(options.photos)
    with tempfile.TemporaryDirectory() as folder:
        library = Library(options.model.absolute(), Path(folder))
        said = (
            f"{len(photos)} photos of {options.photos.name}, {options.model.stem}. All pairs of "
            f"{PATTERNS:,} patterns took {pairs_s():.1f} s of one processor. {machine()}."
        )
        parts = [
            found_table(library, photos),
            false_table(library, options.photos),
            keep_table(library, photos),
            [said],
        ]
    publish("copies", "\n\n".join("\n".join(part) for part in parts), options.write)


if __name__ == "__main__":
    main()
