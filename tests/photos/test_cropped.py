"""A model's card says how its square is made, and the decoding child does it so."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from edge_app.config import Limits
from edge_app.photos.pool import DECODERS, DecodePool
from edge_app.photos.regions import CROP, PREPROCESS


def test_the_child_makes_the_square_that_the_card_names() -> None:
    wide = Image.new("RGB", (120, 40), "blue")
    wide.paste("red", (40, 0, 80, 40))
    buffer = BytesIO()
    wide.save(buffer, "PNG")
    blue_parts = {}
    for preprocess in (CROP, PREPROCESS):
        with DecodePool(32, Limits(), 1, nice=0, decoder=DECODERS[preprocess]) as pool:
            views = np.frombuffer(pool.decode(buffer.getvalue()).views, np.uint8)
        blue_parts[preprocess] = float((views.reshape(-1, 3) == (0, 0, 255)).all(axis=1).mean())
    assert blue_parts[CROP] == 0
    assert blue_parts[PREPROCESS] > 0.6
