"""Makes several models in one TensorFlow process; run by the build environment's Python.

Standard input: a JSON list of argument lists for convert_model.py. Standard output: for each its
exit code and the lines it wrote to standard error, as JSON. `!impossible` as the first argument
makes the self-check ask for more than any model can give.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import convert_model
from conversion import weights
from conversion.network import import_tensorflow, make_backbone


def run(arguments: list[str]) -> dict[str, object]:
    """Run one conversion with standard error in a file, descriptor and all."""
    least = dict(convert_model.LOWEST_COSINE)
    if arguments[0] == "!impossible":
        arguments = arguments[1:]
        convert_model.LOWEST_COSINE.update(none=1.5)
    with tempfile.TemporaryFile("w+") as errors:
        saved = os.dup(2)
        os.dup2(errors.fileno(), 2)
        try:
            code = convert_model.main(arguments)
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            convert_model.LOWEST_COSINE.update(least)
        errors.seek(0)
        return {"code": code, "errors": errors.read().splitlines()}


def save_weights(folder: Path) -> None:
    """Random weights of a narrow network, in the two formats of Keras."""
    backbone = make_backbone(0.35, 96)
    backbone.save_weights(folder / "narrow.weights.h5")
    cache = folder / "keras/models"
    cache.mkdir(parents=True)
    # As Keras's own download, this is of the older kind.
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"
    backbone.save(cache / name)


if __name__ == "__main__":
    weights.IMAGENET_URL = "http://127.0.0.1:9/"  # where nobody answers: as without a network
    import_tensorflow()
    save_weights(Path(sys.argv[1]))
    print(json.dumps([run(arguments) for arguments in json.load(sys.stdin)]))
