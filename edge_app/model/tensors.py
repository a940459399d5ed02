"""What a .tflite file takes and gives: one image in, one vector out, or the reason it won't do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_app.errors import ModelError
from edge_app.model.card import ModelCard

TENSOR_DTYPES = ("float32", "uint8", "int8")  # that may go in and come out


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a model file."""

    index: int
    name: str
    shape: tuple[int, ...]  # -1 for a side that may change
    dtype: str
    scale: float  # value = scale · (stored - zero point); 0 where the tensor is not quantized
    zero_point: int

    @classmethod
    def of(cls, detail: dict[str, Any]) -> Tensor:
        """From what a runtime says of it."""
        scale, zero_point = detail["quantization"]
        shape = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
        dtype = np.dtype(detail["dtype"]).name
        return cls(detail["index"], detail["name"], tuple(shape.tolist()), dtype, scale, zero_point)

    def __str__(self) -> str:
        quantized = f", scale {self.scale:g}, zero point {self.zero_point}" if self.scale else ""
        return f"{self.name} {self.shape} {self.dtype}{quantized}"


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The one square image a model takes."""

    tensor: Tensor
    size_px: int
    channels_first: bool

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> ImageInput:
        """A ModelError says what the model takes if that is something else."""
        if len(tensors) == 1 and tensors[0].dtype in TENSOR_DTYPES:
            match tensors[0].shape:
                # Converters leave the number of images open (-1); the runtimes then take one.
                case 1 | -1, height, width, 3 if height == width > 0:
                    return cls(tensors[0], height, channels_first=False)
                case 1 | -1, 3, height, width if height == width > 0:
                    return cls(tensors[0], height, channels_first=True)
        raise ModelError(
            f"takes {_listed(tensors)}; it must take one square RGB image of fixed size, "
            f"(1, s, s, 3) or (1, 3, s, s), in {' or '.join(TENSOR_DTYPES)}"
        )


@dataclass(frozen=True, slots=True)
class VectorOutput:
    """The one vector that is taken of what a model gives."""

    tensor: Tensor
    dim: int

    @classmethod
    def of(cls, tensors: Sequence[Tensor], name: str | None) -> VectorOutput:
        """The output of that name, or the only one; a ModelError says what there is instead."""
        named = [tensor for tensor in tensors if name in (None, tensor.name)]
        if not named:
            raise ModelError(f"gives {_listed(tensors)}; its card says output {name!r}")
        if len(named) > 1:
            raise ModelError(
                f"gives {_listed(named)}; choose one of them in its card, such as "
                f'"output": "{named[-1].name}"'
            )
        (tensor,) = named
        sides = [side for side in tensor.shape[1:] or tensor.shape if side != 1]
        if len(sides) != 1 or sides[0] < 1 or tensor.dtype not in TENSOR_DTYPES:
            raise ModelError(
                f"gives {tensor}; it must give one vector, (1, n) or (1, 1, 1, n), in "
                f"{' or '.join(TENSOR_DTYPES)}"
            )
        return cls(tensor, sides[0])

    def vector(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """What the tensor holds → (dim,) float32, of any length."""
        vector: npt.NDArray[np.float32] = stored.reshape(self.dim).astype(np.float32)
        if self.tensor.scale:
            vector = (vector - np.float32(self.tensor.zero_point)) * np.float32(self.tensor.scale)
        return vector


class Preparation:
    """Turns pixels into what an input tensor takes, in the way a card says."""

    def __init__(self, source: ImageInput, card: ModelCard) -> None:
        self._source = source
        self._reversed = card.channels == "BGR"
        # One multiplication and one addition a channel, quantization included; with a card's
        # defaults they change no value. Whole lines of pixels, since NumPy takes ten times as long
        # (2 ms an image) to repeat three numbers.
        gain = 1 / np.array(card.std)
        offset = -np.array(card.mean) * gain
        if source.tensor.scale:
            gain = gain / source.tensor.scale
            offset = offset / source.tensor.scale + source.tensor.zero_point
        rgb = slice(None, None, -1 if self._reversed else 1)
        self._gain = np.tile(gain[rgb], source.size_px).astype(np.float32)
        self._offset = np.tile(offset[rgb], source.size_px).astype(np.float32)

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """(s, s, 3) uint8 RGB → a batch of one image."""
        size_px, dtype = self._source.size_px, self._source.tensor.dtype
        values: npt.NDArray[Any] = image.reshape(size_px, size_px * 3) * self._gain
        values += self._offset
        if dtype != "float32":
            bounds = np.iinfo(dtype)
            values = np.rint(values).clip(bounds.min, bounds.max).astype(dtype)
        values = values.reshape(1, size_px, size_px, 3)
        if self._reversed:
            values = values[..., ::-1]
        return values.transpose(0, 3, 1, 2) if self._source.channels_first else values


def _listed(tensors: Sequence[Tensor]) -> str:
    return " and ".join(map(str, tensors)) or "nothing"
