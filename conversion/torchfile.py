"""Reads the tensors of a PyTorch file without PyTorch, and runs nothing that a pickle may ask."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Tensors = dict[str, npt.NDArray[Any]]

MAGIC = 0x1950A86A20F9469CFC6C  # torch/serialization.py: MAGIC_NUMBER of the format before 1.6
DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read_tensors(file: BinaryIO) -> Tensors:
    """The tensors of a state dict that PyTorch saved before its version 1.6, by name.

    Raises pickle.UnpicklingError where the file is something else, or names anything but tensors.
    """
    storages: dict[str, npt.NDArray[Any]] = {}
    if _load(file) != MAGIC:
        raise pickle.UnpicklingError("not a PyTorch file of the format before version 1.6")
    _load(file), _load(file)  # the protocol's version and the sizes of C's types
    tensors = _load(file, storages)
    for key in _load(file):
        storage = storages[key]
        count = int.from_bytes(file.read(8), "little")
        content = file.read(count * storage.itemsize)
        storage[:] = np.frombuffer(content, storage.dtype)
    return dict(tensors)


def _load(file: BinaryIO, storages: dict[str, npt.NDArray[Any]] | None = None) -> Any:
    return _Unpickler(file, {} if storages is None else storages).load()


class _Unpickler(pickle.Unpickler):
    """Knows tensors and the dictionary they are in, and no other class or function."""

    def __init__(self, file: BinaryIO, storages: dict[str, npt.NDArray[Any]]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a tensor")

    def persistent_load(self, pid: Any) -> npt.NDArray[Any]:
        """The flat storage of a tensor, filled in later, when its content is reached."""
        _, dtype, key, _, count, _ = pid
        return self._storages.setdefault(key, np.empty(count, dtype))


def _view(
    storage: npt.NDArray[Any],
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_: Any,
) -> npt.NDArray[Any]:
    """The tensor in its storage; its strides count elements, and may be of any order."""
    size = storage.itemsize
    return np.ndarray(
        shape, storage.dtype, storage, offset * size, [stride * size for stride in strides]
    )
