"""The commit protocol: what the one writer does so that no reported image is ever lost.

A batch is preallocated, written behind the committed lengths, synced, and then made part of the
index by one SQLite transaction. That COMMIT is the only commit point (docs/index-format.md).
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_app import codes
from edge_app.catalog import Catalog, ImageRecord, Known, RejectedRecord, RowRecord
from edge_app.compact import compact
from edge_app.config import Limits, MiB
from edge_app.embed import ModelIdentity
from edge_app.errors import DiskFullError, EdgeAppError, LockedError, StoreError
from edge_app.generation import columns
from edge_app.session import OpenIndex, open_catalog

_LOCK = "lock"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CATALOG_BYTES = 4096  # of log and catalogue for one image, generously


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image to add, or to put in the place of the one at the same path."""

    path: str
    size_bytes: int
    mtime_ns: int
    content: bytes  # BLAKE2b-128 of the file
    width_px: int
    height_px: int
    format: str
    taken_at: int | None  # None: the file's time stands in
    camera: str | None
    thumbnail: bytes
    vector: NDArray[np.float32]  # (dim,) unit
    tiles: NDArray[np.float32] | None = None  # (T, dim) unit rows, where the writer has tiles


@dataclass(frozen=True, slots=True)
class Moved:
    """An image whose file has another path or time than before, and the same content."""

    id: int
    path: str
    size_bytes: int
    mtime_ns: int


@dataclass(slots=True)
class Batch:
    """What one commit does, all or nothing. A rejected path's image is removed by that alone."""

    images: list[NewImage] = field(default_factory=list)
    rejected: list[RejectedRecord] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)  # image ids
    forgotten: list[str] = field(default_factory=list)  # paths of rejected files that are gone
    offline: list[int] = field(default_factory=list)  # image ids out of reach at present
    online: list[int] = field(default_factory=list)


class Writer:
    """The one writer of an index; what `commit` has returned for survives a kill and a power cut.

    LockedError if another writer holds the index; StoreError if the folder can't be written or
    holds the index of another library. With another model than the index was built with, a new
    generation is built beside the current one, and readers answer from the old until `finish`.
    Any thread may call, calls take turns, and after an error the writer stays usable.
    """

    def __init__(
        self, index: Path, root: Path, identity: ModelIdentity, limits: Limits, tiles: int = 0
    ) -> None:
        self.index = index.absolute()
        self.root = root.resolve()
        self.identity = identity
        self.tiles = tiles
        self._limits = limits
        self._mutex = threading.RLock()
        self._open: OpenIndex | None = None
        if self.index.resolve().is_relative_to(self.root):
            raise StoreError(
                f"index folder {index} is inside the library {root}, where nothing is ever "
                "written; choose another with --index"
            )
        with _errors_translated(self.index):
            self.index.mkdir(parents=True, exist_ok=True)
            self._lock_fd = _lock(self.index)
        try:
            with self._using():
                pass
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index; the next writer may start at once."""
        with self._mutex:
            self._drop()
            if self._lock_fd >= 0:
                os.close(self._lock_fd)
                self._lock_fd = -1

    @property
    def building(self) -> bool:
        """Whether readers still answer from another generation than the one being written."""
        with self._using() as index:
            return index.building

    def known(self) -> dict[str, Known]:
        """Every image in the catalogue, by path."""
        with self._using() as index:
            return index.catalog.known(index.record.generation)

    def rejected(self) -> dict[str, RejectedRecord]:
        """Every rejected file, by path."""
        with self._using() as index:
            return index.catalog.rejected()

    def commit(self, batch: Batch) -> list[int]:
        """Make a batch part of the index, durably; the ids of `batch.images` in their order.

        On a DiskFullError or StoreError the batch is dropped: do it again, now or in another run.
        """
        with self._using(_need_bytes(batch)) as index:
            return _commit(index, batch)

    def finish(self) -> None:
        """End a complete run: switch readers to the generation built beside the old one, if there
        is one, and rewrite what is dead by more than `limits.compact_dead_fraction`."""
        with self._using() as index:
            if index.building:
                _switch(index)
        # A full disk only puts compaction off: nothing is lost and the run was a success.
        with suppress(DiskFullError), self._using() as index:
            compact(index, self._limits.compact_dead_fraction)

    def dismiss(self, pairs: Iterable[tuple[int, int]]) -> int:
        """Remember pairs of image ids as no duplicates, by content; how many were new."""
        with self._using() as index:
            return _dismiss(index.catalog, pairs)

    @contextmanager
    def _using(self, need_bytes: int = MiB) -> Iterator[OpenIndex]:
        """The open index. Any error closes it: after a failed sync or COMMIT neither the files
        nor the catalogue may be taken to be what this process believes; the next call reopens."""
        with self._mutex, _errors_translated(self.index, need_bytes):
            if self._lock_fd < 0:
                raise StoreError(f"the writer of {self.index} is closed")
            if self._open is None:
                self._open = OpenIndex(self.index, self.root, self.identity, self.tiles)
            try:
                yield self._open
            except BaseException:
                self._drop()
                raise

    def _drop(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def dismiss(index: Path, pairs: Iterable[tuple[int, int]]) -> int:
    """`Writer.dismiss` for a process that has no Writer, and needs neither library nor model."""
    with _errors_translated(index):
        lock_fd = _lock(index)
        try:
            with closing(open_catalog(index)) as catalog:
                return _dismiss(catalog, pairs)
        finally:
            os.close(lock_fd)


# --- one commit ----------------------------------------------------------------------------------


def _commit(index: OpenIndex, batch: Batch) -> list[int]:
    rows = _row_arrays(index, batch.images)
    thumbs = [_Thumb.of(image, index.catalog) for image in batch.images]
    data = {kind: array.tobytes() for kind, array in rows.items()}
    data["thumbs"] = b"".join(thumb.added for thumb in thumbs)
    index.make_durable({kind: added for kind, added in data.items() if added})

    change = _Change(index)
    with index.catalog.transaction():
        for id in batch.removed:
            change.remove(id)
        change.move(batch.moved)
        for path in batch.forgotten:
            index.catalog.drop_rejected(path)
        for record in batch.rejected:
            change.reject(record)
        for id in batch.offline:
            change.set_offline(id, True)
        for id in batch.online:
            change.set_offline(id, False)
        ids = [
            change.put(image, thumb, {kind: zlib.crc32(array[i]) for kind, array in rows.items()})
            for i, (image, thumb) in enumerate(zip(batch.images, thumbs, strict=True))
        ]
        change.settle()
    index.state, index.record = change.state, change.record
    return ids


def _row_arrays(index: OpenIndex, images: list[NewImage]) -> dict[str, NDArray[np.generic]]:
    """What each per-row file of the generation gets, one entry per image."""
    if not images:
        return {}
    vectors = np.stack([image.vector for image in images])
    arrays: dict[str, NDArray[np.generic]] = {"vectors": vectors, "codes": codes.encode(vectors)}
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
        file_time = image.mtime_ns // 10**9
        self._catalog.drop_rejected(image.path)
        self._catalog.put_image(
            ImageRecord(
                id=id,
                path=image.path,
                size_bytes=image.size_bytes,
                mtime_ns=image.mtime_ns,
                content=image.content,
                width_px=image.width_px,
                height_px=image.height_px,
                format=image.format,
                taken_at=file_time if image.taken_at is None else image.taken_at,
                taken_from="file" if image.taken_at is None else "exif",
                camera=image.camera,
                offline=False,
                thumb_offset=offset,
                thumb_bytes=thumb.size_bytes,
                thumb_crc=thumb.crc,
            )
        )
        row = self.record.rows
        self._catalog.put_row(
            RowRecord(generation, row, id, crcs["vectors"], crcs["codes"], crcs.get("tiles", 0))
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
        self._catalog.put_rejected(record)

    def move(self, moved: list[Moved]) -> None:
        """All at once, as two images may have changed places."""
        images = [(move, self._catalog.image(move.id)) for move in moved]
        for move in moved:
            self._catalog.drop_image(move.id)
        for move, image in images:
            overwritten = self._catalog.image_at(move.path)
            if overwritten:
                self.remove(overwritten.id)
            self._catalog.drop_rejected(move.path)
            if image:
                image = replace(
                    image,
                    path=move.path,
                    size_bytes=move.size_bytes,
                    mtime_ns=move.mtime_ns,
                    offline=False,
                )
                if image.taken_from == "file":
                    image = replace(image, taken_at=move.mtime_ns // 10**9)
                self._catalog.put_image(image)

    def set_offline(self, id: int, offline: bool) -> None:
        image = self._catalog.image(id)
        if image:
            self._catalog.put_image(replace(image, offline=offline))

    def settle(self) -> None:
        """Write down the new lengths and counts."""
        generations = self._catalog.generations()
        generations[self.record.generation] = self.record
        for number, record in generations.items():
            self._catalog.put_generation(replace(record, live=record.live + self._live[number]))
        self.record = self._catalog.generations()[self.record.generation]
        self._catalog.set_state(self.state)

    def _drop_rows(self, id: int, generation: int | None = None) -> None:
        self._live.subtract(self._catalog.drop_rows(id, generation))


def _switch(index: OpenIndex) -> None:
    """Let readers answer from the generation just built, and remove the old one."""
    state = replace(index.state, generation=index.record.generation)
    with index.catalog.transaction():
        index.catalog.drop_generation(index.state.generation)
        index.catalog.set_state(state)
    index.state = state
    index.remove_strays()


def _dismiss(catalog: Catalog, pairs: Iterable[tuple[int, int]]) -> int:
    with catalog.transaction():
        before = len(catalog.dismissed())
        for pair in pairs:
            images = [catalog.image(id) for id in pair]
            contents = {image.content for image in images if image}
            if len(contents) == 2:
                catalog.put_dismissed(*contents)
        return len(catalog.dismissed()) - before


# --- the lock and the errors ---------------------------------------------------------------------


def _lock(index: Path) -> int:
    """The descriptor that holds the index; the lock ends with it, however the process ends."""
    fd = os.open(index / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise LockedError(
            f"{index} is being written by another process; wait until it is done, or stop it"
        ) from None
    return fd


def _need_bytes(batch: Batch) -> int:
    """About what a commit of the batch takes on the disk."""
    changes = len(batch.rejected) + len(batch.moved) + len(batch.removed) + len(batch.offline)
    images = sum(
        len(image.thumbnail)
        + image.vector.nbytes * 5 // 4
        + (0 if image.tiles is None else image.tiles.nbytes)
        + _CATALOG_BYTES
        for image in batch.images
    )
    return images + changes * _CATALOG_BYTES


@contextmanager
def _errors_translated(index: Path, need_bytes: int = MiB) -> Iterator[None]:
    """Errors of the system and of SQLite as the StoreErrors they mean."""
    try:
        yield
    except EdgeAppError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise _disk_full(index, need_bytes) from error
        raise StoreError(
            f"index folder {index} can't be written: {error.strerror}; choose another with --index"
        ) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise _disk_full(index, need_bytes) from error
        hint = "choose another folder with --index"
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            hint = "`check --repair` sets it aside"
        raise StoreError(f"the catalogue of {index} can't be written: {error}; {hint}") from error


def _disk_full(index: Path, need_bytes: int) -> DiskFullError:
    disk = os.statvfs(index)
    free_bytes = disk.f_bavail * disk.f_frsize
    return DiskFullError(
        f"the disk of index folder {index} is full: {-(-need_bytes // MiB)} MiB are needed for "
        f"the next batch, {free_bytes // MiB} MiB are free; make room, or choose another with "
        "--index"
    )
