"""The network in Keras: scaling, MobileNetV2, average pooling and, if asked for, a reduction."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_app.errors import ModelError, UsageError

Floats = npt.NDArray[np.floating[Any]]


class Reduction(NamedTuple):
    """(n, from_dim) pooled activations → (n, dim): sqrt(activations) @ kernel + bias."""

    kernel: Floats  # (from_dim, dim)
    bias: Floats  # (dim,)


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


def make_backbone(alpha: float, size_px: int, weights: str | None = None) -> Any:
    """MobileNetV2 without its classifier; weights: "imagenet", or None for random ones."""
    import keras

    return keras.applications.MobileNetV2(
        input_shape=(size_px, size_px, 3), alpha=alpha, include_top=False, weights=weights
    )


def make_extractor(
    backbone: Any,
    reduction: Reduction | None = None,
    dtype: str = "float32",
    batch: int | None = None,
) -> Any:
    """(batch, size, size, 3) pixels 0…255 of `dtype` → (batch, dim) float32 embeddings."""
    import keras

    pixels = keras.Input(backbone.input_shape[1:], batch, dtype, name="pixels")
    # x / 127.5 − 1, but centred first: then int8 has a level for each of the 256 values. Scaled
    # first, TFLite rounds them to 170, which alone costs .001 of cosine.
    centred = keras.layers.Rescaling(1.0, offset=-127.5)(pixels)
    activations = backbone(keras.layers.Rescaling(1 / 127.5)(centred))
    embedding = keras.layers.GlobalAveragePooling2D()(activations)
    if reduction:
        project = keras.layers.Dense(len(reduction.bias))
        embedding = project(keras.ops.sqrt(embedding))
        project.set_weights(list(reduction))
    return keras.Model(pixels, embedding)


def learn_reduction(pooled: Floats, dim: int) -> Reduction:
    """The first `dim` principal components of sqrt(pooled), each over its eigenvalue ** 0.25.

    Dividing by the square root would be whitening in full; half of it does better on new kinds of
    photos than all or none (docs/models.md).
    """
    from_dim = pooled.shape[1]
    if dim >= from_dim:
        raise UsageError(f"--reduce {dim}: the model has {from_dim} dimensions, ask for fewer")
    roots = np.sqrt(pooled, dtype=np.float64)
    centre = roots.mean(axis=0)
    eigenvalues, components = np.linalg.eigh(np.cov(roots, rowvar=False))
    eigenvalues, components = eigenvalues[::-1][:dim], components[:, ::-1][:, :dim]
    varying = int(np.sum(eigenvalues > eigenvalues[0] * 1e-6))
    if varying < dim:
        raise ModelError(
            f"--reduce {dim}: the photos vary in {varying} dimensions only; give more of them"
        )
    kernel = components / eigenvalues**0.25
    return Reduction(kernel.astype(np.float32), (-centre @ kernel).astype(np.float32))
