"""Converts CLIP checkpoints in one TensorFlow process; run by the build environment's Python.

As build_models.py: a JSON list of argument lists for convert_model.py on standard input, of each
its exit code and what it said on standard output. Nothing can be downloaded meanwhile.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from conversion.clip import checkpoints
from conversion.network import import_tensorflow
from tests.build_models import run
from tools import scikit
from tools.testing.pictures import save


def unpack(folder: Path) -> None:
    """Pictures with the names of the photos, which would have to be fetched."""
    for seed, name in enumerate(scikit.PHOTOS):
        save(folder / name, seed)


if __name__ == "__main__":
    checkpoints.HUB = "http://127.0.0.1:9"  # where nobody answers: as without a network
    scikit.unpack = unpack
    import_tensorflow()
    print(json.dumps([run(arguments) for arguments in json.load(sys.stdin)]))
