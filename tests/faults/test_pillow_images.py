"""Pillow's own test images, many of them made to break decoders, run through without a crash.

    PILLOW_IMAGES=/where/Pillow/Tests/images python -m pytest tests/faults/test_pillow_images.py

A source distribution of Pillow has them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_app.config import Limits
from edge_app.errors import DecodeError
from edge_app.library.source import InFolder
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.pool import DecodePool, Job

FOLDER = os.environ.get("PILLOW_IMAGES")


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER, reason="PILLOW_IMAGES names no folder with Pillow's test images")
def test_they_are_decoded_or_refused_and_no_decoder_ends() -> None:
    root = Path(FOLDER or "")
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()]
    jobs = [Job(p, InFolder(str(root.absolute()), str(p.relative_to(root)))) for p in paths]
    with DecodePool(224, Limits(), workers=2, nice=0) as pool:
        outcomes = {job.key: outcome for job, outcome in pool.run(jobs)}
    assert outcomes.keys() == set(paths)
    failed = {
        path.name: str(outcome)
        for path, outcome in outcomes.items()
        if isinstance(outcome, DecodeError) and str(outcome).startswith("the decoder")
    }
    assert failed == {}
    assert sum(isinstance(outcome, Decoded) for outcome in outcomes.values()) > len(paths) / 2
