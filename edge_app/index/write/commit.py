"""One batch becomes part of the index: files first, then the COMMIT that refers to them."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_app.index.format import codes
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.generation import columns, row_crcs
from edge_app.index.format.records import ImageRecord, RejectedRecord, RowRecord
from edge_app.index.write import known
from edge_app.index.write.batch import Batch, Moved, NewImage, Noted, Patterned
from edge_app.index.write.session import OpenIndex
from edge_app.photos.reading.dates import dated

_CATALOG_BYTES = 4096  # of log and catalogue for one image, generously


def commit(index: OpenIndex, batch: Batch) -> list[int]:
    """Make a batch durable, then part of the index; the ids of its images in their order."""
    index.begin()
    rows = _row_arrays(index, batch.images)
    thumbs = [_Thumb.of(image, index.catalog) for image in batch.images]
    data = {kind: array.tobytes() for kind, array in rows.items()}
    data["thumbs"] = b"".join(thumb.added for thumb in thumbs)
    index.make_durable({kind: added for kind, added in data.items() if added})

    change, found = _Change(index), columns(index.record)
    with index.catalog.transaction():
        for id in batch.removed:
            change.remove(id)
        change.move(batch.moved)
        for path in batch.forgotten:
            known.drop_rejected(index.catalog, path)
        for record in batch.rejected:
            change.reject(record)
        for id in batch.offline:
            change.set_offline(id, True)
        for id in batch.online:
            change.set_offline(id, False)
        for noted in batch.noted:
            change.note(noted)
        for patterned in batch.patterned:
            change.set_pattern(patterned)
        ids = [
            change.put(
                image,
                thumb,
                row_crcs(found, [rows[c.header.kind][i].tobytes() for c in found]),
            )
            for i, (image, thumb) in enumerate(zip(batch.images, thumbs, strict=True))
        ]
        change.write_counts()
    index.state, index.record = change.state, change.record
    return ids


def _row_arrays(index: OpenIndex, images: list[NewImage]) -> dict[str, NDArray[np.generic]]:
    """What each per-row file of the generation gets, one entry per image."""
    if not images:
        return {}
    vectors = np.stack([image.vector for image in images])
    encoded = codes.encode(vectors)
    arrays: dict[str, NDArray[np.generic]] = {"vectors": vectors, **encoded._asdict()}
    if index.record.tiles:
        arrays["tiles"] = np.stack([image.tiles for image in images if image.tiles is not None])
    return {
        column.header.kind: np.ascontiguousarray(
            arrays[column.header.kind], column.header.dtype
        ).reshape(len(images), *column.row_shape)
        for column in columns(index.record)
    }


@dataclass(frozen=True, slots=True)
class _Thumb:
    """A thumbnail, and what it adds to the file: nothing where the same one is there already."""

    crc: int
    size_bytes: int
    added: bytes
    offset: int | None  # of the one that is there

    @classmethod
    def of(cls, image: NewImage, catalog: Catalog) -> _Thumb:
        data = image.thumbnail
        crc, before = zlib.crc32(data), catalog.image_at(image.path)
        if before and (before.thumb_crc, before.thumb_bytes) == (crc, len(data)):
            return cls(crc, len(data), b"", before.thumb_offset)
        return cls(crc, len(data), data, None)


class _Change:
    """The catalogue's part of one commit: applies it and keeps count, inside a transaction."""

    def __init__(self, index: OpenIndex) -> None:
        self.state = index.state
        self.record = index.record
        self._catalog = index.catalog
        self._live: Counter[int] = Counter()  # change of live rows by generation

    def put(self, image: NewImage, thumb: _Thumb, crcs: dict[str, int]) -> int:
        """Add or replace an image with its next row; its id."""
        generation = self.record.generation
        before = self._catalog.image_at(image.path)
        if before is None:
            self.state = replace(self.state, last_image=self.state.last_image + 1)
        elif before.content == image.content:
            self._drop_rows(before.id, generation)  # an older model's row is as good as it was
        else:
            self._drop_rows(before.id)
        id = before.id if before else self.state.last_image
        offset = thumb.offset
        if offset is None:
            offset = self.state.thumbs_bytes
            self.state = replace(self.state, thumbs_bytes=offset + thumb.size_bytes)
        known.drop_rejected(self._catalog, image.path)
        self._catalog.put_image(_record(id, image, thumb, offset))
        row = self.record.rows
        self._catalog.put_row(
            RowRecord(
                generation, row, id, crcs["vector_crc"], crcs["code_crc"], crcs.get("tiles_crc", 0)
            )
        )
        self.record = replace(self.record, rows=row + 1)
        self._live[generation] += 1
        return id

    def remove(self, id: int) -> None:
        self._drop_rows(id)
        self._catalog.drop_image(id)

    def reject(self, record: RejectedRecord) -> None:
        image = self._catalog.image_at(record.path)
        if image:
            self.remove(image.id)
        known.put_rejected(self._catalog, record)

    def move(self, moved: list[Moved]) -> None:
        """All at once, as two images may have changed places."""
        images = [(move, self._catalog.image(move.id)) for move in moved]
        for move in moved:
            self._catalog.drop_image(move.id)
        for move, image in images:
            if image is None:
                continue
            overwritten = self._catalog.image_at(move.path)
            if overwritten:
                self.remove(overwritten.id)
            known.drop_rejected(self._catalog, move.path)
            taken_at, taken_from = dated(image.taken_at, image.taken_from, move.path)
            self._catalog.put_image(
                replace(
                    image,
                    path=move.path,
                    size_bytes=move.size_bytes,
                    mtime_ns=move.mtime_ns,
                    taken_at=taken_at,
                    taken_from=taken_from,
                    raws=move.raws,
                    offline=False,
                    version=move.version,
                    mount=move.mount,
                )
            )

    def set_offline(self, id: int, offline: bool) -> None:
        image = self._catalog.image(id)
        if image:
            self._catalog.put_image(replace(image, offline=offline))

    def note(self, noted: Noted) -> None:
        image = self._catalog.image(noted.id)
        if image:
            changed = replace(image, version=noted.version, mount=noted.mount, raws=noted.raws)
            known.note(self._catalog, changed)

    def set_pattern(self, patterned: Patterned) -> None:
        image = self._catalog.image(patterned.id)
        if image:
            known.note(self._catalog, replace(image, pattern=patterned.pattern))

    def write_counts(self) -> None:
        """Write down the new lengths and counts."""
        generations = self._catalog.generations()
        generations[self.record.generation] = self.record
        for number, record in generations.items():
            self._catalog.put_generation(replace(record, live=record.live + self._live[number]))
        self.record = self._catalog.generations()[self.record.generation]
        self._catalog.set_state(self.state)

    def _drop_rows(self, id: int, generation: int | None = None) -> None:
        self._live.subtract(known.drop_rows(self._catalog, id, generation))


def _record(id: int, image: NewImage, thumb: _Thumb, thumb_offset: int) -> ImageRecord:
    return ImageRecord(
        id=id,
        path=image.path,
        size_bytes=image.size_bytes,
        mtime_ns=image.mtime_ns,
        content=image.content,
        width_px=image.width_px,
        height_px=image.height_px,
        format=image.format,
        taken_at=image.taken_at,
        taken_from=None if image.taken_at is None else image.taken_from or "exif",
        camera=image.camera,
        note=image.note,
        raws=image.raws,
        pattern=image.pattern,
        located=image.located,
        taken_ms=image.taken_ms,
        offline=False,
        thumb_offset=thumb_offset,
        thumb_bytes=thumb.size_bytes,
        thumb_crc=thumb.crc,
        version=image.version,
        mount=image.mount,
    )


def need_bytes(batch: Batch) -> int:
    """About what a commit of the batch takes on the disk."""
    changes = len(batch.rejected) + len(batch.moved) + len(batch.removed) + len(batch.offline)
    changes += len(batch.noted) + len(batch.patterned)
    images = sum(
        len(image.thumbnail)
        + image.vector.nbytes * 5 // 4
        + (0 if image.tiles is None else image.tiles.nbytes)
        + _CATALOG_BYTES
        for image in batch.images
    )
    return images + changes * _CATALOG_BYTES
