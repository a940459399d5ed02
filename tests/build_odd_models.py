"""Makes tiny models of every kind that people bring along, in one TensorFlow process; run by the
build environment's Python with the folder to write them to.

Each but the broken ones computes the same: the means of 4 × 4 cells of a 16 px RGB image, mixed
into 8 numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from conversion.network import import_tensorflow

SIZE_PX, DIM = 16, 8
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # torchvision's, times 255

Function = Callable[..., Any]


def models(tf: Any) -> dict[str, tuple[list[Any], Function]]:
    """By name: the shape and dtype of each input, and what is computed of them."""
    mixing = np.random.default_rng(3).normal(size=(48, DIM)).astype(np.float32)

    def embed(pixels: Any) -> Any:
        cells = tf.nn.avg_pool2d(pixels, 4, 4, "VALID")
        return tf.matmul(tf.reshape(cells, (-1, 48)), mixing)

    def image(*shape: int | None, dtype: Any = tf.float32) -> list[Any]:
        return [tf.TensorSpec(shape, dtype, "pixels")]

    rgb = image(1, SIZE_PX, SIZE_PX, 3)
    return {
        "plain": (rgb, embed),
        "open batch": (image(None, SIZE_PX, SIZE_PX, 3), embed),
        "channels first": (
            image(1, 3, SIZE_PX, SIZE_PX),
            lambda x: embed(tf.transpose(x, (0, 2, 3, 1))),
        ),
        "bgr": (rgb, lambda x: embed(x[..., ::-1])),
        "normalized": (rgb, lambda x: embed(x * STD + MEAN)),
        "normalized bgr": (rgb, lambda x: embed((x * STD[::-1] + MEAN[::-1])[..., ::-1])),
        "four sides": (rgb, lambda x: tf.reshape(embed(x), (1, 1, 1, DIM))),
        "uint8": (
            image(1, SIZE_PX, SIZE_PX, 3, dtype=tf.uint8),
            lambda x: embed(tf.cast(x, tf.float32)),
        ),
        "classifier": (rgb, lambda x: (embed(x)[:, :3], embed(x))),
        "probabilities": (rgb, lambda x: tf.nn.softmax(embed(x)[:, :4] / 500)),
        # What can't be used.
        "gray": (image(1, SIZE_PX, SIZE_PX, 1), lambda x: embed(tf.repeat(x, 3, axis=3))),
        "oblong": (image(1, SIZE_PX, 24, 3), lambda x: embed(x[:, :, :SIZE_PX])),
        "channels between": (
            image(1, SIZE_PX, 3, SIZE_PX),
            lambda x: embed(tf.transpose(x, (0, 1, 3, 2))),
        ),
        "flat": (image(1, 768), lambda x: embed(tf.reshape(x, (1, SIZE_PX, SIZE_PX, 3)))),
        "any size": (
            image(1, None, None, 3),
            lambda x: tf.matmul(tf.reduce_mean(x, (1, 2)), mixing[:3]),
        ),
        "int32": (
            image(1, SIZE_PX, SIZE_PX, 3, dtype=tf.int32),
            lambda x: embed(tf.cast(x, tf.float32)),
        ),
        "two images": (
            [tf.TensorSpec(rgb[0].shape, tf.float32, name) for name in ("left", "right")],
            lambda x, y: embed(x) + embed(y),
        ),
        "map": (rgb, lambda x: tf.nn.avg_pool2d(x, 4, 4, "VALID")),
        "class number": (rgb, lambda x: tf.argmax(embed(x), axis=1)),
        "one number": (rgb, lambda x: embed(x)[:, :1]),
        "not a number": (rgb, lambda x: tf.math.log(-tf.square(embed(x)) - 1)),
        "not for black": (rgb, lambda x: embed(x) / tf.reduce_sum(x)),
        "constant": (rgb, lambda x: tf.clip_by_value(embed(x), 5.0, 5.0)),
        "dark": (rgb, lambda x: tf.nn.relu(-tf.square(embed(x)))),
    }


def converter_of(tf: Any, inputs: list[Any], compute: Function) -> Any:
    computation = tf.function(compute).get_concrete_function(*inputs)
    return tf.lite.TFLiteConverter.from_concrete_functions([computation])


def quantized(tf: Any, inputs: list[Any], compute: Function, dtype: Any) -> bytes:
    """Everything in 8 bits, input and output too."""
    colours = np.random.default_rng(0).uniform(-1, 1, (50, 1, 4, 4, 3)).astype(np.float32)
    pictures = colours.repeat(4, axis=2).repeat(4, axis=3)
    converter = converter_of(tf, inputs, lambda x: compute((x + 1) * 127.5))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture] for picture in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = dtype
    return bytes(converter.convert())


def main(folder: Path) -> None:
    import_tensorflow()
    import tensorflow as tf

    made = models(tf)
    for name, (inputs, compute) in made.items():
        content = converter_of(tf, inputs, compute).convert()
        (folder / f"{name}.tflite").write_bytes(content)
    plain = made["plain"]
    for dtype in (tf.int8, tf.uint8):
        name = f"quantized {dtype.name}"
        (folder / f"{name}.tflite").write_bytes(quantized(tf, *plain, dtype))
    half = converter_of(tf, *plain)
    half.optimizations = [tf.lite.Optimize.DEFAULT]
    half.target_spec.supported_types = [tf.float16]
    (folder / "half.tflite").write_bytes(half.convert())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
