"""Makes several models in one TensorFlow process; run by the build environment's Python.

Standard input: a JSON list of argument lists for convert_model.py. Standard output, as JSON:
"results", for each its exit code and the lines it wrote to standard error; "scaling", for each of
Keras's networks how far what it is given lies from what Keras would give it. `!impossible` as the
first argument makes the self-check ask for more than any model can give.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

import convert_model
from conversion import convert, weights
from conversion.architectures import ARCHITECTURES
from conversion.network import import_tensorflow


def run(arguments: list[str]) -> dict[str, object]:
    """Run one conversion with standard error in a file, descriptor and all."""
    least = dict(convert.LOWEST_COSINE)
    if arguments[0] == "!impossible":
        arguments = arguments[1:]
        convert.LOWEST_COSINE.update(none=1.5)
    with tempfile.TemporaryFile("w+") as errors:
        saved = os.dup(2)
        os.dup2(errors.fileno(), 2)
        try:
            code = convert_model.main(arguments)
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            convert.LOWEST_COSINE.update(least)
        errors.seek(0)
        return {"code": code, "errors": errors.read().splitlines()}


def save_weights(folder: Path) -> None:
    """Random weights of a narrow network, in the two formats of Keras."""
    make = ARCHITECTURES["mobilenet_v2"].make
    classifier = make(0.35, 96, include_top=True)
    cache = folder / "keras/models"
    cache.mkdir(parents=True)
    # As Keras's own download, this is of the older kind, and has the classifier.
    classifier.save(cache / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96.h5")
    backbone = make(0.35, 96)
    backbone.set_weights(classifier.get_weights()[:-2])
    backbone.save_weights(folder / "narrow.weights.h5")


def scaling_differences() -> dict[str, float]:
    """The largest difference, over all values of a pixel, for each network that Keras has."""
    import keras

    pixels = np.arange(32 * 32 * 3, dtype=np.float32).reshape(1, 32, 32, 3) % 256
    differences = {}
    for name, architecture in ARCHITECTURES.items():
        if architecture.imagenet:
            applications = keras.applications
            if name == "mobilenet_v2":
                expected = applications.mobilenet_v2.preprocess_input(pixels.copy())
            elif name == "resnet50v2":
                expected = applications.resnet_v2.preprocess_input(pixels.copy())
            else:  # the others begin with layers that scale
                make = getattr(applications, architecture.title)
                own = make(include_top=False, weights=None, input_shape=(32, 32, 3))
                first = next(layer for layer in own.layers if "conv" in layer.name)
                expected = keras.Model(own.input, first.input)(pixels)
            mean, std = (np.array(value) for value in architecture.scaling)
            given = (pixels - mean) / std
            differences[name] = float(np.abs(given - expected).max())
    return differences


if __name__ == "__main__":
    weights.KERAS_URL = "http://127.0.0.1:9/"  # where nobody answers: as without a network
    import_tensorflow()
    save_weights(Path(sys.argv[1]))
    results = [run(arguments) for arguments in json.load(sys.stdin)]
    print(json.dumps({"results": results, "scaling": scaling_differences()}))
