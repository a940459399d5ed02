"""Rewrites what has too much dead in it: copies the living to new files, switches in one COMMIT.

CRCs are copied, not made again, so that `check` still finds what had rotted before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from edge_app.index.format.generation import columns, thumbs_header, thumbs_name
from edge_app.index.format.records import ImageRecord, RowRecord
from edge_app.index.write import known
from edge_app.index.write.session import OpenIndex

DEAD_FRACTION = 0.25  # more dead than this and the index is rewritten
_RECORDS = 1024  # fetched at a time


def compact(index: OpenIndex) -> None:
    """Rewrite rows, thumbnails or both where more than `DEAD_FRACTION` of the file is dead."""
    if index.record.rows - index.record.live > DEAD_FRACTION * index.record.rows:
        _compact_rows(index)
    live_bytes = known.live_thumb_bytes(index.catalog)
    if index.state.thumbs_bytes - live_bytes > DEAD_FRACTION * index.state.thumbs_bytes:
        _compact_thumbs(index, live_bytes)


def _compact_rows(index: OpenIndex) -> None:
    index.begin()
    number = index.state.last_generation + 1
    record = replace(index.record, generation=number, rows=index.record.live)
    for column in columns(record):
        item_bytes = column.header.item_bytes
        source = index.files[column.header.kind]
        with closing(index.create_file(column.name, column.header)) as target:
            target.reserve(0, max(1, record.rows * item_bytes))
            for place, row in enumerate(_rows(index)):
                target.write(place * item_bytes, source.read(row.row * item_bytes, item_bytes))
            target.sync()
    index.sync_names()

    state = replace(index.state, generation=number, last_generation=number)
    with index.catalog.transaction():
        index.catalog.put_generation(record)
        for place, row in enumerate(_rows(index)):
            index.catalog.put_row(replace(row, generation=number, row=place))
        index.catalog.drop_generation(index.record.generation)
        index.catalog.set_state(state)
    index.reopen(state, record)


def _compact_thumbs(index: OpenIndex, live_bytes: int) -> None:
    index.begin()
    number = index.state.last_generation + 1
    source = index.files["thumbs"]
    with closing(index.create_file(thumbs_name(number), thumbs_header(number))) as target:
        target.reserve(0, max(1, live_bytes))
        for image, offset in _thumbs(index):
            target.write(offset, source.read(image.thumb_offset, image.thumb_bytes))
        target.sync()
    index.sync_names()

    state = replace(
        index.state, last_generation=number, thumbs_generation=number, thumbs_bytes=live_bytes
    )
    with index.catalog.transaction():
        for image, offset in _thumbs(index):
            index.catalog.put_image(replace(image, thumb_offset=offset))
        index.catalog.set_state(state)
    index.reopen(state, index.record)


def _rows(index: OpenIndex) -> Iterator[RowRecord]:
    """The live rows of the generation being written, in order."""
    first, generation = 0, index.record.generation
    while records := index.catalog.rows(generation, first, _RECORDS):
        yield from records
        first = records[-1].row + 1


def _thumbs(index: OpenIndex) -> Iterator[tuple[ImageRecord, int]]:
    """Every image, and where its thumbnail goes when they are laid end to end."""
    first, offset = 0, 0
    while images := index.catalog.images(first, _RECORDS):
        for image in images:
            yield image, offset
            offset += image.thumb_bytes
        first = images[-1].id + 1
