"""EfficientNet-Lite in Keras, which has none, and the names its published tensors have there.

After the reference implementation, efficientnet/lite in github.com/tensorflow/tpu: EfficientNet
without squeeze-and-excitation, and with ReLU6 in place of swish, both for small devices.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

STEM_FILTERS, HEAD_FILTERS = 32, 1280
# Of each stage: blocks, side of the kernel, stride of the first block, expansion, filters.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
FILTER_STEP = 8  # filters of a stage are rounded to a multiple of it
EPSILON = 1e-3


def make_efficientnet_lite(number: int, width: float, depth: float, size_px: int) -> Any:
    """(n, size, size, 3) scaled pixels → (n, size / 32, size / 32, 1280) activations; untrained.

    width: of each stage's filters; depth: of how often the stages but the first and last repeat.
    """
    import keras

    layers = keras.layers

    def convolved(inputs: Any, convolution: Any, norm: str) -> Any:
        return layers.BatchNormalization(epsilon=EPSILON, name=norm)(convolution(inputs))

    def pointwise(inputs: Any, filters: int, name: str, norm: str) -> Any:
        convolution = layers.Conv2D(filters, 1, use_bias=False, name=name)
        return convolved(inputs, convolution, norm)

    def block(inputs: Any, number: int, kernel: int, stride: int, expansion: int, out: int) -> Any:
        name, filters = f"blocks_{number}", inputs.shape[-1]
        x = inputs
        if expansion > 1:
            x = pointwise(x, filters * expansion, f"{name}_expand_conv", f"{name}_bn0")
            x = layers.ReLU(6.0)(x)
        depthwise = layers.DepthwiseConv2D(
            kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
        )
        x = layers.ReLU(6.0)(convolved(x, depthwise, f"{name}_bn1"))
        x = pointwise(x, out, f"{name}_project_conv", f"{name}_bn2")
        return layers.Add()([x, inputs]) if stride == 1 and filters == out else x

    pixels = keras.Input((size_px, size_px, 3))
    stem = layers.Conv2D(STEM_FILTERS, 3, 2, "same", use_bias=False, name="conv_stem")
    x = layers.ReLU(6.0)(convolved(pixels, stem, "bn0"))
    blocks_made = 0
    for stage, (blocks, kernel, first_stride, expansion, filters) in enumerate(STAGES):
        inner = 0 < stage < len(STAGES) - 1
        for place in range(math.ceil(blocks * depth) if inner else blocks):
            stride = 1 if place else first_stride
            x = block(x, blocks_made, kernel, stride, expansion, _rounded(filters * width))
            blocks_made += 1
    x = layers.ReLU(6.0)(pointwise(x, HEAD_FILTERS, "conv_head", "bn1"))
    return keras.Model(pixels, x, name=f"efficientnet_lite{number}")


def _rounded(filters: float) -> int:
    """The nearest multiple of FILTER_STEP, never less than nine tenths."""
    nearest = max(FILTER_STEP, int(filters + FILTER_STEP / 2) // FILTER_STEP * FILTER_STEP)
    return nearest + FILTER_STEP if nearest < 0.9 * filters else nearest


def keras_tensors(
    tensors: Mapping[str, npt.NDArray[Any]],
) -> dict[tuple[str, str], npt.NDArray[Any]]:
    """PyTorch's tensors by Keras's layer and name, their axes in Keras's order.

    The classifier is ("fc", "kernel"), (1280, classes).
    """
    return {
        _keras_name(name): _keras_axes(name, tensor)
        for name, tensor in tensors.items()
        if not name.endswith("num_batches_tracked")
    }


def _keras_name(name: str) -> tuple[str, str]:
    """ "_blocks.3._bn1.running_mean" is ("blocks_3_bn1", "moving_mean")."""
    layer, tensor = name.rsplit(".", 1)
    in_norm = re.search(r"_bn\d$", layer)
    names = {
        "weight": "gamma" if in_norm else "kernel",
        "bias": "beta" if in_norm else "bias",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    return layer.replace("._", "_").replace(".", "_").lstrip("_"), names[tensor]


def _keras_axes(name: str, tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """PyTorch's convolutions are (out, in, height, width); its depthwise ones (channels, 1, …)."""
    if "depthwise" in name:
        return tensor.transpose(2, 3, 0, 1)
    return np.moveaxis(tensor, (0, 1), (-1, -2)) if tensor.ndim > 1 else tensor
