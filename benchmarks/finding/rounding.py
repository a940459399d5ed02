"""How true int8 is to Keras, by what stays in float32.

    python -m benchmarks.finding.rounding --calibrate SOME --photos OTHERS --photos MORE

The cosine between the embeddings of TFLite and of Keras, over at most 150 photos of each folder, on
none of which the model was calibrated. Runs where TensorFlow is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.finding.retrieval import short
from conversion.architectures import ARCHITECTURES
from conversion.convert import CALIBRATION_PHOTOS
from conversion.export import cosines_to_keras, export
from conversion.network import make_extractor
from conversion.photos import Photo, Pixels, all_views, required_photos
from conversion.weights import load_weights
from tools.report import machine, markdown, publish

SIZE_PX = 224
PHOTOS = range(20, 150)


def rows(name: str, calibration: list[Photo], pixels: list[Pixels]) -> list[list[str]]:
    """One architecture: all of it rounded, then block after block left out."""
    architecture = ARCHITECTURES[name]
    weights = load_weights("packaged", architecture, 1.0, SIZE_PX, print)
    model = make_extractor(weights.backbone, architecture.scaling, dtype="uint8", batch=1)
    lines = []
    for blocks in range(len(architecture.float_blocks) + 1):
        in_float = architecture.float_blocks[:blocks]
        content = export(model, "int8", calibration, in_float)
        left_out = ", ".join(block.strip("/_") for block in in_float) or "none"
        cosines = [cosines_to_keras(content, model, of_folder) for of_folder in pixels]
        figures = [f"{short(found.min())}, {short(found.mean())}" for found in cosines]
        lines.append([name, left_out, *figures, f"{len(content) / 1e6:.2f}"])
    return lines


def main() -> None:
    """Measure the architectures that have packaged weights."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finding.rounding", description=__doc__
    )
    parser.add_argument("--calibrate", type=Path, required=True, metavar="DIR")
    parser.add_argument("--photos", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    calibration = required_photos(options.calibrate, SIZE_PX, CALIBRATION_PHOTOS, "--calibrate")
    tested = [required_photos(folder, SIZE_PX, PHOTOS, "--photos") for folder in options.photos]
    pixels = [all_views(of_folder) for of_folder in tested]
    lines = []
    for name, architecture in ARCHITECTURES.items():
        if architecture.packaged:
            lines += rows(name, calibration, pixels)
    folders = [
        f"lowest, mean cosine: {len(of_folder)} photos, {folder.name}"
        for folder, of_folder in zip(options.photos, tested, strict=True)
    ]
    head = ["architecture", "blocks in float32", *folders, "file, MB"]
    note = f"Calibrated on {len(calibration)} photos, {options.calibrate.name}; {machine()}."
    publish("rounding", "\n".join([*markdown(head, lines), "", note]), options.write)


if __name__ == "__main__":
    main()
