"""scale.json: how alike random pairs of an index are, by which the scores of its model are read.

It can be made again from the vectors, so whatever is wrong with it means making it again.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edge_app.index.format.regular import open_regular, replace_regular

FILE = "scale.json"
_MOST_BYTES = 4096  # the file has some 300


class Levels(NamedTuple):
    """Scores that few random pairs reach; None where the pairs are too few to tell."""

    pairs: int  # that were scored
    half: float | None  # one pair in 2 reaches this
    one_in_100: float | None
    one_in_10_000: float | None


@dataclass(frozen=True, slots=True)
class KeptScale:
    """What the file says."""

    generation: int
    rows: int  # of the generation, when it was made
    live: int  # of these
    fingerprint: str  # of the vectors of these rows
    levels: Levels


def save_scale(index: Path, scale: KeptScale) -> None:
    """Replace the file, whole or not at all; OSError or StoreError if that fails."""
    text = json.dumps(asdict(scale) | {"levels": scale.levels._asdict()}, sort_keys=True)
    replace_regular(index / FILE, f"{text}\n{zlib.crc32(text.encode()):08x}\n".encode())


def load_scale(index: Path) -> KeptScale:
    """What the file says; FileNotFoundError if there is none, ValueError if it is damaged."""
    with open(open_regular(index / FILE, os.O_RDONLY), "rb") as file:
        text, _, crc = file.read(_MOST_BYTES).partition(b"\n")
    if crc != b"%08x\n" % zlib.crc32(text):
        raise ValueError("it differs from its CRC")
    try:
        kept = json.loads(text)
        scale = KeptScale(**{**kept, "levels": Levels(**kept["levels"])})
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(str(error)) from None
    pairs, *scores = scale.levels
    counts = scale.generation, scale.rows, scale.live, pairs
    if not (
        all(type(count) is int and count >= 0 for count in counts)
        and type(scale.fingerprint) is str
        and all(map(_is_score, scores))
    ):
        raise ValueError("it has values that no index has")
    return scale


def _is_score(value: Any) -> bool:
    return value is None or (type(value) is float and math.isfinite(value) and abs(value) <= 1.001)
