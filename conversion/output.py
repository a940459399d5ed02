"""A model's files: the network, its words, and the card that names both by their hash."""

from __future__ import annotations

import hashlib
import json
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from conversion.labels import LICENCE, SOURCE, Labels
from edge_app.errors import UsageError


def check_output(output: Path) -> None:
    """Say what is wrong with --output before any work is done."""
    if output.suffix != ".tflite":
        raise UsageError(f"--output {output} must end in .tflite")
    for path in (output, output.with_suffix(".json"), output.with_suffix(".labels.npz")):
        if path.is_dir():
            raise UsageError(f"--output: {path} is a folder")
    output.parent.mkdir(parents=True, exist_ok=True)


def write(output: Path, content: bytes, card: dict[str, Any], labels: Labels | None) -> None:
    """Write the model, its words and its card, all complete or none; words of an earlier one go."""
    words = output.with_suffix(".labels.npz")
    files = {output: content}
    if labels:
        files[words] = _archive(labels)
        sha256 = hashlib.sha256(files[words]).hexdigest()
        entry = {"file": words.name, "sha256": sha256, "source": SOURCE, "licence": LICENCE}
        card = card | {"labels": entry}
    files[output.with_suffix(".json")] = _json(card)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".convert-") as folder:
        for path, data in files.items():
            Path(folder, path.name).write_bytes(data)
        for path in files:  # the card comes last: until then, its hashes tell what doesn't match
            Path(folder, path.name).replace(path)
    if not labels:
        words.unlink(missing_ok=True)


def _archive(labels: Labels) -> bytes:
    """As NumPy's, uncompressed: the same bytes for the same labels."""
    archive = BytesIO()
    np.savez(archive, words=labels.words, vectors=labels.vectors)
    return archive.getvalue()


def _json(card: dict[str, Any]) -> bytes:
    return (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode()
