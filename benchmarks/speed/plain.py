"""The plain way to embed a folder; `benchmarks.speed.indexing` runs it where TensorFlow is.

    .venv-build/bin/python -m benchmarks.speed.plain FOLDER

Each photo is decoded in full by Pillow, shrunk, and given to Keras's `predict`, one after another,
as a first version of such a program would. Prints how many a second, once the model is loaded.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from conversion.architectures import ARCHITECTURES
from conversion.network import import_tensorflow, make_extractor
from conversion.weights import load_weights
from edge_app.library.scan import scan

SIZE_PX = 224


def main() -> None:
    """Embed every photo below the folder on the command line."""
    root = Path(sys.argv[1])
    files = scan(root).files
    import_tensorflow()
    architecture = ARCHITECTURES["mobilenet_v2"]
    weights = load_weights("packaged", architecture, 1.0, SIZE_PX, print)
    model = make_extractor(weights.backbone, architecture.scaling)

    def embed(path: str) -> None:
        with Image.open(root / path) as image:
            pixels = image.convert("RGB").resize((SIZE_PX, SIZE_PX))
        model.predict(np.asarray(pixels)[np.newaxis], verbose=0)

    embed(files[0].path)  # the first call traces the graph
    start_s = time.perf_counter()
    for file in files:
        embed(file.path)
    print(len(files) / (time.perf_counter() - start_s))


if __name__ == "__main__":
    main()
