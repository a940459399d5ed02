"""A Keras model as a .tflite file that the oldest supported runtime loads, and how true it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.photos import Photo, Pixels


def export(
    model: Any, quantize: str, calibration: list[Photo], float_blocks: tuple[str, ...]
) -> bytes:
    """The .tflite file; quantize: none, fp16, or int8 with photos to calibrate on.

    float_blocks: parts of the names of layers that stay float32 in an int8 model.
    """
    import tensorflow as tf

    pixels = tf.TensorSpec(model.input_shape, model.input.dtype, "pixels")
    computation = tf.function(model).get_concrete_function(pixels)
    # TensorFlow prefers from_keras_model: the same file by way of a SavedModel, 15 s instead of 3.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([computation])
    if calibration:
        return _export_int8(converter, calibration, float_blocks)
    if quantize == "fp16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def _export_int8(converter: Any, calibration: list[Photo], float_blocks: tuple[str, ...]) -> bytes:
    """Weights per channel and activations in int8, float_blocks excepted."""
    import tensorflow as tf

    plain = tf.lite.Interpreter(model_content=converter.convert())
    names = [tensor["name"] for tensor in plain.get_tensor_details()]
    in_float = [name for name in names if any(block in name for block in float_blocks)]
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([photo.views] for photo in calibration)
    # The converter itself can't leave out layers by name; its debugger can, and gives the model.
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=converter.representative_dataset,
        debug_options=tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=in_float),
    )
    return bytes(debugger.get_nondebug_quantized_model())


def cosines_to_keras(content: bytes, model: Any, pixels: Pixels) -> npt.NDArray[np.float64]:
    """(n,) of each picture: the cosine between the embeddings of TFLite and of Keras."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    cosines = []
    for picture in pixels[:, np.newaxis].astype(source["dtype"]):
        interpreter.set_tensor(source["index"], picture)
        interpreter.invoke()
        lite, keras = interpreter.get_tensor(target["index"])[0], model.predict_on_batch(picture)[0]
        cosines.append(lite @ keras / (np.linalg.norm(lite) * np.linalg.norm(keras)))
    return np.array(cosines, np.float64)
