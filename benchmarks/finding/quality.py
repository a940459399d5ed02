"""How well models find what is alike, measured on folders of labelled photos.

    python -m benchmarks.finding.quality models/*.tflite --photos FLOWERS --photos ROOMS

A photo's label is its folder. Every photo is a query once against all others (leave-one-out): P@1
and P@10 are how many of the first one and ten have its label, mAP how early all of them come. Then
every photo is edited in six ways (edits.py), and each result looks for its original:
R@1 and R@10 are how often that is the first, or among the first ten. ± is half the interval, 95 %,
that other photos of the kind would give, by bootstrap; Δ mAP is against the first model, photo by
photo. What holds on one set need not hold on another: give several, each is a table of its own.
A model that learned from one of the photos is refused, by its card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.finding.edits import EDITS, edited
from benchmarks.finding.retrieval import Floats, estimate, leave_one_out, originals_found, short
from conversion.photos import Photo, Pixels, all_views
from edge_app.config import Limits
from edge_app.library.scan import scan
from edge_app.model.embed import Embedder
from edge_app.photos.children.decode import decode
from tools.report import machine, markdown, publish


class Photos:
    """A labelled folder, in the order of its paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = sorted(file.path for file in scan(folder).files)
        self.labels = np.array([Path(path).parent.name for path in self.paths])
        self.originals = cache(self._originals)
        self.edited = cache(self._edited)  # decoding takes as long as embedding

    def _originals(self, size_px: int) -> list[Photo]:
        return [_photo((self.folder / path).read_bytes(), size_px) for path in self.paths]

    def _edited(self, size_px: int, edit: str) -> Pixels:
        """Every photo after one edit, the same every time."""
        return all_views(
            [
                _photo(edited((self.folder / path).read_bytes(), edit, seed=path), size_px)
                for path in self.paths
            ]
        )


def _photo(content: bytes, size_px: int) -> Photo:
    """A file as the device reads it."""
    decoded = decode(content, size_px, Limits())
    pixels = np.frombuffer(decoded.views, np.uint8).reshape(1, size_px, size_px, 3)
    return Photo(pixels, decoded.content.hex())


class Found(NamedTuple):
    """How often edited photos found their originals."""

    first: Floats  # (n,), 1.0 or 0.0
    among_ten: Floats


class Quality(NamedTuple):
    """What one model's rankings are like: (n,) figures, one a photo."""

    p_at_1: Floats
    p_at_10: Floats
    average_precision: Floats
    originals: dict[str, Found]  # by edit


def measure(model: Path, photos: Photos) -> Quality:
    """Embed the folder and its edited photos; ends the program if the model learned from any."""
    embedder = Embedder(model)
    size_px = embedder.card.input_size_px
    originals = photos.originals(size_px)
    learned_from = json.loads(model.with_suffix(".json").read_bytes()).get("learned_from", ())
    known = {photo.content for photo in originals} & set(learned_from)
    if known:
        raise SystemExit(
            f"{model} learned from {len(known)} of the {len(originals)} photos in "
            f"{photos.folder}; test it on others"
        )
    vectors = embedder.embed(all_views(originals))
    found = {}
    for edit in EDITS:
        queries = embedder.embed(photos.edited(size_px, edit))
        found[edit] = Found(*(originals_found(queries, vectors, k) for k in (1, 10)))
    return Quality(*leave_one_out(vectors, photos.labels), found)


def report(models: Sequence[Path], sets: Sequence[Photos]) -> str:
    """The tables of each set of photos."""
    if len(sets) == 1:
        return table(models, sets[0])
    return "\n\n".join(f"**{photos.folder.name}**\n\n{table(models, photos)}" for photos in sets)


def table(models: Sequence[Path], photos: Photos) -> str:
    """The two tables, and what they rest on."""
    measured = {model.stem: measure(model, photos) for model in models}
    first = next(iter(measured.values()))
    figures = ["P@1", "P@10", "mAP", "Δ mAP", "R@1", "R@10"]
    rows = [[name, *_estimates(quality, first)] for name, quality in measured.items()]
    edits = [[name, *_of_each_edit(quality)] for name, quality in measured.items()]
    return "\n".join(
        [
            *markdown(["model", *figures], rows),
            "",
            *markdown(["R@1, R@10 of each edit", *EDITS], edits),
            "",
            f"{len(photos.paths)} photos of {len(set(photos.labels))} kinds; {machine()}.",
        ]
    )


def _estimates(quality: Quality, first: Quality) -> list[str]:
    found = quality.originals.values()
    of_each_photo = [
        quality.p_at_1,
        quality.p_at_10,
        quality.average_precision,
        quality.average_precision - first.average_precision,
        np.mean([edit.first for edit in found], axis=0),
        np.mean([edit.among_ten for edit in found], axis=0),
    ]
    return [str(estimate(values)) for values in of_each_photo]


def _of_each_edit(quality: Quality) -> list[str]:
    return [
        f"{short(found.first.mean())}, {short(found.among_ten.mean())}"
        for found in quality.originals.values()
    ]


def main() -> None:
    """Measure every model on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finding.quality", description=__doc__
    )
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--photos", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    parser.add_argument("--as", dest="name", default="quality", help="of the place in DOCUMENT")
    options = parser.parse_args()
    publish(options.name, report(options.models, list(map(Photos, options.photos))), options.write)


if __name__ == "__main__":
    main()
