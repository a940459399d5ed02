"""How early a word finds the photos that show it, among all others.

    python -m benchmarks.words MODEL.tflite … --photos ../shared/photos/flowers

The photos are those of --photos, whose folders are named by what they show, and the sample photos
of static/images/. Average precision: 1 where all that show it come first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.report import machine, markdown, publish
from benchmarks.retrieval import short
from conversion.photos import all_views, photos
from edge_app.config import Config, Limits
from edge_app.embed import Embedder
from edge_app.errors import NotFoundError
from edge_app.scan import scan
from edge_app.words import Words

# What the samples show that ImageNet has a class for (static/images/README.md).
SAMPLES = {
    "chelsea.png": ("tabby", "Egyptian cat"),
    "coffee.png": ("espresso", "cup"),
    "rocket.jpg": ("missile", "space shuttle"),
    "motorcycle_left.png": ("moped", "motor scooter"),
    "motorcycle_right.png": ("moped", "motor scooter"),
    "clock_motion.png": ("wall clock",),
    "camera.png": ("tripod", "reflex camera"),
}


def shown(folder: Path) -> Iterator[tuple[str, ...]]:
    """What each photo of a folder shows, in the order of `conversion.photos.photos`."""
    for file in scan(folder).files:
        path = Path(file.path)
        yield SAMPLES.get(path.name, ()) if folder == Config().gallery else (path.parent.name,)


def average_precision(scores: npt.NDArray[np.float32], shows: npt.NDArray[np.bool_]) -> float:
    """Of (n,) scores, the best first."""
    found = shows[np.argsort(-scores, kind="stable")]
    precisions = found.cumsum() / np.arange(1, len(found) + 1)
    return float(precisions[found].mean())


def column(model: Path, folders: Sequence[Path], labels: list[tuple[str, ...]]) -> dict[str, float]:
    """Average precision of each word the model knows."""
    embedder, words = Embedder(model), Words(model, Limits())
    read = [photos(folder, embedder.card.input_size_px, len(labels)) for folder in folders]
    vectors = embedder.embed(all_views([photo for of_one in read for photo in of_one]))
    if len(vectors) != len(labels):
        raise SystemExit(f"{len(labels) - len(vectors)} of the photos can't be read")
    precisions = {}
    for word in dict.fromkeys(word for of_one in labels for word in of_one):
        try:
            scores = vectors @ words.vector(word)
        except NotFoundError:
            continue  # roses and tulips are no classes of ImageNet
        precisions[word] = average_precision(scores, np.array([word in of for of in labels]))
    return precisions


def main() -> None:
    """Measure every model on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.words", description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    folders = [options.photos, Config().gallery]
    labels = [label for folder in folders for label in shown(folder)]
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
