"""Whether the bands of scores mean something: how many of each band's pairs have the same label.

    python -m benchmarks.finding.bands models/*.tflite --photos FLOWERS --photos ROOMS

Every two photos of a labelled folder are a pair; a photo's label is its folder. The bands are those
that an index of the folder would have (edge_app/search/scale.py).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.finding.quality import Photos
from benchmarks.finding.retrieval import Floats, short
from conversion.photos import all_views
from edge_app.model.embed import Embedder
from edge_app.search.scale import SAMPLE_ROWS, Band, Scale, levels, scale_of
from tools.report import machine, markdown, publish

BANDS: tuple[Band, ...] = get_args(Band)


def rows(model: Path, photos: Photos) -> list[str]:
    """A model's row: where each band begins, how many pairs it has, how many of them are right."""
    embedder = Embedder(model)
    vectors = embedder.embed(all_views(photos.originals(embedder.card.input_size_px)))
    upper = np.triu_indices(len(vectors), 1)
    scores = (vectors @ vectors.T)[upper]
    right = (photos.labels[:, np.newaxis] == photos.labels)[upper]
    scale = _scale(vectors)
    bands = np.array([scale.band(float(score)) for score in scores])
    return [
        model.stem,
        photos.folder.name,
        *(_cell(scale, band, right[bands == band]) for band in BANDS),
    ]


def _scale(vectors: Floats) -> Scale:
    random = np.random.default_rng(0)
    count = min(len(vectors), SAMPLE_ROWS)
    sample = np.sort(random.choice(len(vectors), count, replace=False))
    return scale_of(levels(vectors[sample], sample.astype(np.uint64)))


def _cell(scale: Scale, band: Band, right: Floats) -> str:
    begins = getattr(scale, band, None)
    share = f"{short(float(right.mean()))} of {len(right):,}" if len(right) else "none"
    return share if begins is None else f"from {short(begins)}: {share}"


def cost_s(dim: int) -> float:
    """Seconds that a scale takes, reading not included."""
    random = np.random.default_rng(0)
    vectors = random.standard_normal((SAMPLE_ROWS, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    start = time.perf_counter()
    levels(vectors, np.arange(SAMPLE_ROWS, dtype=np.uint64))
    return time.perf_counter() - start


def main() -> None:
    """Measure every model on every folder on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finding.bands", description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--photos", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    sets = list(map(Photos, options.photos))
    head = ["model", "photos", *(band.replace("_", " ") for band in BANDS)]
    table = markdown(head, [rows(model, photos) for photos in sets for model in options.models])
    cost = f"Making a scale of {SAMPLE_ROWS} rows × 1280 took {cost_s(1280) * 1e3:.0f} ms"
    said = f"The share of each band's pairs that have one label. {cost}. {machine()}."
    publish("bands", "\n".join([*table, "", said]), options.write)


if __name__ == "__main__":
    main()
