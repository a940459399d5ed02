"""The network in Keras: scaling, backbone, average pooling and, if asked for, a reduction."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from conversion.architectures import Scaling
from edge_app.errors import ModelError, UsageError

Floats = npt.NDArray[np.floating[Any]]


# Of an eigenvalue: 0.5 would be whitening in full, 0 none of it (docs/models.md compares them).
PARTIAL_WHITENING = 0.25


class Reduction(NamedTuple):
    """(n, from_dim) pooled activations → (n, dim): (sqrt(activations) - centre) @ kernel."""

    centre: Floats  # (from_dim,)
    kernel: Floats  # (from_dim, dim)
    explained_variance: float  # of the roots, from 0 to 1


def import_tensorflow() -> str:
    """Import TensorFlow, Keras on top of it, on the CPU as on the device; its version."""
    os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ModelError(
            f"TensorFlow can't be imported ({error}); `make model` has an environment for it"
        ) from None
    return str(tf.__version__)


def make_extractor(
    backbone: Any,
    scaling: Scaling,
    reduction: Reduction | None = None,
    dtype: str = "float32",
    batch: int | None = None,
) -> Any:
    """(batch, size, size, 3) pixels 0…255 of `dtype` → (batch, dim) float32 embeddings."""
    import keras

    layers, ops = keras.layers, keras.ops
    pixels = keras.Input(backbone.input_shape[1:], batch, dtype, name="pixels")
    # Centred first: then int8 has a level for each of the 256 values. Scaled first, as in
    # x / 127.5 − 1, TFLite rounds them to 170, which alone costs .001 of cosine.
    mean, std = (np.array(value, np.float32) for value in scaling)
    centred = layers.Rescaling(1.0, offset=-mean)(pixels)
    embedding = layers.GlobalAveragePooling2D()(backbone(layers.Rescaling(1 / std)(centred)))
    if reduction:
        project = layers.Dense(reduction.kernel.shape[1])
        # Only networks that don't end in a ReLU have anything below zero, and that little.
        embedding = project(ops.sqrt(ops.relu(embedding)))
        project.set_weights([reduction.kernel, -reduction.centre @ reduction.kernel])
    return keras.Model(pixels, embedding)


def learn_reduction(pooled: Floats, dim: int, power: float = PARTIAL_WHITENING) -> Reduction:
    """The first `dim` principal components of sqrt(pooled), each over its eigenvalue ** power."""
    from_dim = pooled.shape[1]
    if dim >= from_dim:
        raise UsageError(f"--reduce {dim}: the model has {from_dim} dimensions; choose fewer")
    roots = np.sqrt(np.maximum(pooled, 0), dtype=np.float64)
    centre = roots.mean(axis=0)
    eigenvalues, components = np.linalg.eigh(np.cov(roots, rowvar=False))
    explained = eigenvalues[-dim:].sum() / eigenvalues.sum()
    eigenvalues, components = eigenvalues[::-1][:dim], components[:, ::-1][:, :dim]
    varying = int(np.sum(eigenvalues > eigenvalues[0] * 1e-6))
    if varying < dim:
        raise ModelError(
            f"--reduce {dim}: the photos vary in only {varying} dimensions; give more photos"
        )
    return Reduction(centre, components / eigenvalues**power, float(explained))
