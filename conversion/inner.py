"""Makes an inner tensor of a .tflite file its one output, without TensorFlow.

A .tflite file is a FlatBuffer (flatbuffers.dev/internals): tables of fields that vtables find. Two
numbers in it are changed in place: how many outputs the first graph has, and which tensor is the
first. Field numbers are those of tensorflow/lite/schema/schema.fbs.
"""

from __future__ import annotations

import struct

from edge_app.errors import ModelError

MODEL_SUBGRAPHS, MODEL_SIGNATURES = 2, 7
SUBGRAPH_TENSORS, SUBGRAPH_OUTPUTS = 0, 2


def with_output(content: bytes, tensor: int) -> bytes:
    """The same model, which gives what tensor number `tensor` of its first graph holds.

    Signatures, which name outputs by their old numbers, are dropped; no runtime needs them.
    Raises ModelError where the file is no TFLite model.
    """
    file = bytearray(content)
    try:
        model = _offset(file, 0)
        graphs = _vector(file, model, MODEL_SUBGRAPHS)
        graph = _offset(file, graphs + 4)
        outputs = _vector(file, graph, SUBGRAPH_OUTPUTS)
        (count,) = struct.unpack_from("<I", file, _vector(file, graph, SUBGRAPH_TENSORS))
        if not 0 <= tensor < count or not struct.unpack_from("<I", file, outputs)[0]:
            raise ModelError(f"has no tensor {tensor}, or no output that can be replaced by it")
        struct.pack_into("<Ii", file, outputs, 1, tensor)
        if _field(file, model, MODEL_SIGNATURES):
            struct.pack_into("<I", file, _vector(file, model, MODEL_SIGNATURES), 0)
    except struct.error:
        raise ModelError("is not a TFLite model, or is damaged") from None
    return bytes(file)


def _offset(file: bytearray, place: int) -> int:
    """Where the 32-bit offset at `place` leads."""
    return place + int(struct.unpack_from("<I", file, place)[0])


def _field(file: bytearray, table: int, number: int) -> int:
    """The place of a table's field, 0 where the table lacks it."""
    vtable = table - struct.unpack_from("<i", file, table)[0]
    if vtable < 0:  # struct would count it from the end
        raise struct.error
    (size,) = struct.unpack_from("<H", file, vtable)
    entry = 4 + 2 * number
    place = struct.unpack_from("<H", file, vtable + entry)[0] if entry < size else 0
    return table + place if place else 0


def _vector(file: bytearray, table: int, number: int) -> int:
    """The place of a vector's length, which its elements follow."""
    place = _field(file, table, number)
    if not place:
        raise struct.error
    return _offset(file, place)
