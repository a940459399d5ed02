"""What tells whether two rows show one picture: their patterns, and when each was taken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_app.index.format.catalog import Catalog
from edge_app.index.format.records import UNDATED

NO_MS = -1


class Pictures(NamedTuple):
    """Arrays with an entry for each row of a generation; zeros where it is dead."""

    pattern: NDArray[np.uint64]  # of photos.pattern; FLAT where it isn't known, too
    known: NDArray[np.bool_]  # whether the pattern is
    ratio: NDArray[np.int64]  # width * 100 / height
    width_px: NDArray[np.int64]
    height_px: NDArray[np.int64]
    shot_at: NDArray[np.int64]  # seconds, by the camera; UNDATED where the file does not say
    shot_ms: NDArray[np.int64]  # milliseconds within the second; NO_MS where it does not say


def load_pictures(catalog: Catalog, generation: int, rows: int) -> Pictures:
    """Of the first `rows` rows of a generation."""
    found = catalog.connection.execute(
        """SELECT row, coalesce(pattern, 0), pattern IS NOT NULL, ratio, width_px, height_px,
                  CASE WHEN taken_from IN ('exif', 'xmp') THEN taken_at ELSE ? END,
                  coalesce(taken_ms, ?)
           FROM rows JOIN images ON images.id = image_id WHERE generation = ? AND row < ?""",
        (UNDATED, NO_MS, generation, rows),
    )
    pictures = Pictures(
        np.zeros(rows, np.uint64),
        np.zeros(rows, np.bool_),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.full(rows, UNDATED),
        np.full(rows, NO_MS),
    )
    columns = np.array(found.fetchall(), np.int64).reshape(-1, 8).T
    row = columns[0]
    pictures.pattern[row] = columns[1].view(np.uint64)
    for column, values in zip(pictures[1:], columns[2:], strict=True):
        column[row] = values
    return pictures
