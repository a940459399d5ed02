"""How early a word finds the photos that show it, among all others.

    python -m benchmarks.finding.words MODEL.tflite … --photos ../shared/photos/flowers

The photos are those of --photos, whose folders are named by what they show, and those of
scikit-image. Average precision: 1 where all that show it come first.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.finding.quality import Photos
from benchmarks.finding.retrieval import average_precision, short
from conversion.photos import all_views
from edge_app.errors import NotFoundError
from edge_app.model.embed import Embedder
from edge_app.model.words import Words
from tools import scikit
from tools.report import machine, markdown, publish

# What these of scikit-image show that ImageNet has a class for.
KNOWN = {
    "chelsea.png": ("tabby", "Egyptian cat"),
    "coffee.png": ("espresso", "cup"),
    "rocket.jpg": ("missile", "space shuttle"),
    "motorcycle_left.png": ("moped", "motor scooter"),
    "motorcycle_right.png": ("moped", "motor scooter"),
    "clock_motion.png": ("wall clock",),
    "camera.png": ("tripod", "reflex camera"),
}


def shown(path: str) -> tuple[str, ...]:
    """What a photo shows: one of scikit-image by its name, another one by its folder's."""
    place = Path(path)
    return KNOWN.get(place.name, (place.parent.name,))


def precision(scores: npt.NDArray[np.float32], shows: npt.NDArray[np.bool_]) -> float:
    """Average precision of (n,) scores, the best first, among what shows the word."""
    ranking = np.argsort(-scores, kind="stable")
    (found,) = average_precision(shows[np.newaxis, ranking])
    return float(found)


def column(
    model: Path, folders: Sequence[Photos], labels: list[tuple[str, ...]]
) -> dict[str, float]:
    """Average precision of each word that the model knows."""
    embedder, words = Embedder(model), Words(model)
    size_px = embedder.card.input_size_px
    originals = [photo for folder in folders for photo in folder.originals(size_px)]
    vectors = embedder.embed(all_views(originals))
    precisions = {}
    for word in dict.fromkeys(word for of_one in labels for word in of_one):
        try:
            scores = vectors @ words.vector(word)
        except NotFoundError:
            continue  # roses and tulips are no classes of ImageNet
        shows = np.array([word in of_one for of_one in labels])
        precisions[word] = precision(scores, shows)
    return precisions


def main() -> None:
    """Measure every model on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finding.words", description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as others:
        scikit.unpack(Path(others))
        folders = [Photos(options.photos), Photos(Path(others))]
        labels = [shown(path) for folder in folders for path in folder.paths]
        columns = {model.stem: column(model, folders, labels) for model in options.models}
    known = next(iter(columns.values()))
    lines = [
        [word, str(sum(word in of for of in labels)), *(short(of[word]) for of in columns.values())]
        for word in known
    ]
    note = f"Average precision among {len(labels)} photos; {machine()}."
    table = "\n".join([*markdown(["word", "photos of it", *columns], lines), "", note])
    publish("words", table, options.write)


if __name__ == "__main__":
    main()
