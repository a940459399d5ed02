"""Brings the codes of an older index into the layout of today, which no answer waits for.

The first layout had scale, angle and code side by side in one file. They are copied as they stand,
and so are their CRCs: what had rotted before is still found. The one step that counts is a rename,
so a kill or a power cut leaves the old file or the new ones, complete, and readers go on with
whichever they have open.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from edge_app.config import MiB
from edge_app.index.format import codes
from edge_app.index.format.appendfile import AppendFile, sync_folder
from edge_app.index.format.generation import (
    columns,
    has_mixed_codes,
    identity_of,
    unfinished_codes_name,
)
from edge_app.index.format.records import GenerationRecord

_BLOCK_BYTES = 4 * MiB


def needs_conversion(index: Path, record: GenerationRecord) -> bool:
    """Whether the codes are there, in the first layout."""
    name = columns(record, mixed=True)[1].name
    return (index / name).exists() and has_mixed_codes(index, record)


def convert(index: Path, record: GenerationRecord) -> None:
    """Replace the codes of a generation; what is behind its committed rows is left out."""
    dim, rows = identity_of(record).dim, record.rows
    _, before, *_ = columns(record, mixed=True)
    _, bounds, after, *_ = columns(record)
    unfinished = index / unfinished_codes_name(record.generation)
    with (
        closing(AppendFile.open(index / before.name, before.header)) as source,
        closing(AppendFile.create(index / bounds.name, bounds.header)) as bounds_file,
        closing(AppendFile.create(unfinished, after.header)) as codes_file,
    ):
        bounds_file.reserve(0, max(1, rows * bounds.header.item_bytes))
        codes_file.reserve(0, max(1, rows * after.header.item_bytes))
        step = max(1, _BLOCK_BYTES // before.header.item_bytes)
        for start in range(0, rows, step):
            count = min(step, rows - start)
            size_bytes = before.header.item_bytes
            data = source.read(start * size_bytes, count * size_bytes)
            data = data.ljust(count * size_bytes, b"\0")  # cut off: the rows differ from their CRC
            part = codes.split(np.frombuffer(data, np.uint8).reshape(count, size_bytes), dim)
            padded = np.zeros((count, *after.row_shape), np.int8)
            padded[:, : part.codes.shape[1]] = part.codes
            bounds_file.write(start * bounds.header.item_bytes, part.bounds.tobytes())
            codes_file.write(start * after.header.item_bytes, padded.tobytes())
        bounds_file.sync()
        codes_file.sync()
    sync_folder(index)  # the bounds have to be there when the codes without them are
    unfinished.rename(index / after.name)
    sync_folder(index)
