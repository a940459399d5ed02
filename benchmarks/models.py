"""How well and how fast models embed: P@k over labelled photos, and milliseconds an image.

    python -m benchmarks.models models/*.tflite --photos ../shared/photos/flowers

A photo's label is its folder. Every photo is a query once, against all the others (leave-one-out),
and its middle is one against all whole photos: "crop" is how often that finds its own photo first.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_app.config import Limits
from edge_app.decode import WHOLE, Box, decode
from edge_app.embed import Embedder
from edge_app.runtime import RUNTIMES
from edge_app.scan import scan

CROP = Box(0.2, 0.2, 0.6, 0.6)


class Accuracy(NamedTuple):
    """Means over the queries."""

    p_at_1: float
    p_at_10: float
    mean_average_precision: float
    crop_first: float


def accuracy(
    vectors: npt.NDArray[np.float32],
    crops: npt.NDArray[np.float32],
    labels: npt.NDArray[np.str_],
) -> Accuracy:
    """From (n, dim) unit rows of the photos and of their crops, and (n,) labels."""
    crop_first = (crops @ vectors.T).argmax(axis=1) == np.arange(len(vectors))
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    ranking = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    same = labels[ranking] == labels[:, np.newaxis]
    precisions = same.cumsum(axis=1) / np.arange(1, same.shape[1] + 1)
    average = (precisions * same).sum(axis=1) / same.sum(axis=1)
    return Accuracy(same[:, 0].mean(), same[:, :10].mean(), average.mean(), crop_first.mean())


def read(folder: Path, size_px: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.str_]]:
    """(n, 2, size, size, 3) pixels, whole and crop, and (n,) labels of the photos in `folder`."""
    pixels, labels = [], []
    for file in scan(folder).files:
        views = decode((folder / file.path).read_bytes(), size_px, Limits(), (WHOLE, CROP)).views
        pixels.append(np.frombuffer(views, np.uint8).reshape(2, size_px, size_px, 3))
        labels.append(Path(file.path).parent.name)
    return np.stack(pixels), np.array(labels)


def embed(
    embedder: Embedder, pixels: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float32], float]:
    """The embeddings, and the median milliseconds of one."""
    vectors, times_ms = [], []
    for image in pixels[:, np.newaxis]:
        start = time.perf_counter()
        vectors.append(embedder.embed(image))
        times_ms.append((time.perf_counter() - start) * 1e3)
    return np.concatenate(vectors), statistics.median(times_ms)


def main() -> None:
    """Print one line a model."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument("--runtime", choices=list(RUNTIMES))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    print("| model | MB | dim | runtime | ms | P@1 | P@10 | mAP | crop |")
    print("|---|---|---|---|---|---|---|---|---|")
    photos: dict[int, tuple[npt.NDArray[np.uint8], npt.NDArray[np.str_]]] = {}
    for model in options.models:
        embedder = Embedder(model, options.threads, options.runtime)
        size_px = embedder.card.input_size_px
        if size_px not in photos:
            photos[size_px] = read(options.photos, size_px)
        pixels, labels = photos[size_px]
        vectors, ms = embed(embedder, pixels[:, 0])
        crops, _ = embed(embedder, pixels[:, 1])
        figures = " | ".join(f"{figure:.3f}" for figure in accuracy(vectors, crops, labels))
        print(
            f"| {model.stem} | {model.stat().st_size / 1e6:.1f} | {embedder.card.dim} | "
            f"{embedder.runtime} | {ms:.1f} | {figures} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
