"""A model's card says how its square is made, and the decoding child makes it so."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from edge_app.config import Limits
from edge_app.photos.children.decode import decode
from edge_app.photos.children.pool import DECODERS, DecodePool
from edge_app.photos.regions import CROP, PREPROCESS
from tests.photos.test_decode import encoded, fully_decoded, photo_like, psnr_db


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


@pytest.mark.parametrize("size", [(2000, 1500), (1500, 2300), (640, 480)])
def test_it_is_the_square_that_clip_was_trained_on(size: tuple[int, int]) -> None:
    """As torchvision does it: shorter side to the square, bicubic, then the middle of the longer;
    which that rounds to whole pixels, half of one from ours."""
    data = encoded(photo_like(*size), "JPEG")
    full = fully_decoded(data)
    scale = 224 / min(full.size)
    small = full.resize([round(side * scale) for side in full.size], Image.Resampling.BICUBIC)
    left, top = (round((side - 224) / 2) for side in small.size)
    expected = small.crop((left, top, left + 224, top + 224))
    views = decode(data, 224, Limits(), preprocess=CROP).views
    view = np.frombuffer(views, np.uint8).reshape(224, 224, 3)
    assert psnr_db(view, np.asarray(expected)) > 31
