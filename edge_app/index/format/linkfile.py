"""duplicates.npz: which pairs of rows hold the groups of near-duplicates together.

It can be made again from the vectors, so whatever is wrong with it means making it again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_app.config import MiB
from edge_app.index.format.regular import open_regular, replace_regular

FILE = "duplicates.npz"
_MOST_BYTES = 256 * MiB  # 16,777,000 pairs, which are fewer than rows; all of it is read at once


@dataclass(frozen=True, slots=True)
class KeptLinks:
    """What the file says."""

    generation: int
    min_score: float
    rows: int  # rows 0 to here have been compared with one another
    pairs: NDArray[np.int64]  # (n, 2), each below `rows`
    fingerprint: bytes  # of the vectors they were found in


def save_links(index: Path, links: KeptLinks) -> None:
    """Replace the file, whole or not at all; OSError or StoreError if that fails."""
    content = BytesIO()
    np.savez(
        content,
        generation=links.generation,
        min_score=links.min_score,
        rows=links.rows,
        pairs=links.pairs,
        fingerprint=np.frombuffer(links.fingerprint, np.uint8),
    )
    replace_regular(index / FILE, content.getvalue())


def load_links(index: Path) -> KeptLinks:
    """What the file says; FileNotFoundError if there is none, ValueError if it is damaged."""
    with open(open_regular(index / FILE, os.O_RDONLY), "rb") as file:
        if os.fstat(file.fileno()).st_size > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES // MiB} MiB")
        try:
            with np.load(file) as kept:
                if any(member.compress_type for member in kept.zip.infolist()):
                    raise ValueError("it is compressed, and may be of any size")  # ours are not
                links = KeptLinks(
                    int(kept["generation"]),
                    float(kept["min_score"]),
                    int(kept["rows"]),
                    kept["pairs"],
                    kept["fingerprint"].tobytes(),
                )
        # A flipped bit raises nearly anything in zipfile, zlib and NumPy's header parser: of 10,784
        # flips 100 raised what is neither OSError, ValueError, KeyError nor BadZipFile.
        except Exception as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
    pairs = links.pairs
    if pairs.dtype != np.int64 or pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"its pairs are {pairs.dtype} of shape {pairs.shape}")
    if not 0 < links.min_score <= 1 or links.rows < 0:  # NaN fails too
        raise ValueError(f"it tells of {links.rows} rows and a score of {links.min_score}")
    if len(pairs) and not (pairs.min() >= 0 and pairs.max() < links.rows):
        raise ValueError(f"its pairs are not all of its {links.rows} rows")
    return links
