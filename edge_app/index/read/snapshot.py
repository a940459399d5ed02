"""One consistent view of the index: its columns as arrays, one entry per row."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app import memory
from edge_app.config import MiB
from edge_app.errors import NotFoundError, StoreError
from edge_app.index.format import codes
from edge_app.index.format.appendfile import HEADER_BYTES, AppendFile
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.generation import Column, columns, has_mixed_codes, identity_of
from edge_app.index.format.records import UNDATED
from edge_app.index.format.schema import LARGEST
from edge_app.index.read.numbers import read_numbers
from edge_app.model.card import ModelIdentity

_FINGERPRINT_ROWS = 64

_ROW_BYTES = 64  # of memory that a row takes when it is opened: the columns, and their reading
_ORDINARY_ROWS = 10_000_000  # below that the system finds room, if it must

_BLOCK_ROWS = 100_000  # of the catalogue at a time: 5 MB of text

# What has one entry a row: from the catalogue, and from files whose rows never change.
_CATALOGUED = "ids", "live", "taken_at", "folder", "format", "orientation", "twin"
_COLUMNS = ("vectors", "codes", "bounds", *_CATALOGUED)


@dataclass(frozen=True)
class Snapshot:
    """What queries work on. It stays as it is, whatever a writer does meanwhile.

    Before the first index run there is a snapshot too: generation 0, no identity, no rows.
    """

    generation: int
    identity: ModelIdentity | None
    vectors: NDArray[np.float32]  # (rows, dim) unit rows, mapped from the file, read-only
    codes: NDArray[np.int8]  # (rows, codes.width(dim)), mapped; not padded in the first layout
    bounds: NDArray[np.float32]  # (rows, 2) scale and angle of each code, mapped
    tiles: NDArray[np.float32] | None  # (rows, T, dim) unit rows, mapped; None without tiles
    ids: NDArray[np.int64]  # (rows,) image id; 0 where the row is dead
    live: NDArray[np.bool_]  # (rows,)
    taken_at: NDArray[np.int64]  # (rows,) seconds, or UNDATED
    folder: NDArray[np.int32]  # (rows,) index into folders
    folders: tuple[str, ...]
    format: NDArray[np.uint8]  # (rows,) index into formats
    formats: tuple[str, ...]
    orientation: NDArray[np.uint8]  # (rows,) 0 landscape, 1 portrait, 2 square
    twin: NDArray[np.uint64]  # (rows,) first 8 bytes of the file's content hash
    _vectors_file: AppendFile | None
    _part_of: tuple[Snapshot, int] | None = None  # and where in it the first row is

    def __post_init__(self) -> None:
        if self._vectors_file is not None:
            weakref.finalize(self, self._vectors_file.close)

    @property
    def rows(self) -> int:
        return len(self.ids)

    def read_rows(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """(n,) -> (n, dim) float32: vectors read from the file one by one. For few rows of an index
        larger than memory, where the map's read-ahead would drag in all their neighbours."""
        _, dim = self.vectors.shape
        if self._part_of is not None:
            whole, first = self._part_of
            return whole.read_rows(rows + first)
        if self._vectors_file is None:
            return self.vectors[rows]
        data = self._vectors_file.read_items(rows.tolist())
        return np.frombuffer(data, "<f4").reshape(len(rows), dim)

    def between(self, start: int, stop: int) -> Snapshot:
        """The rows from `start` up to `stop` as a snapshot of their own."""
        part = slice(start, stop)
        columns = {name: getattr(self, name)[part] for name in _COLUMNS}
        tiles = None if self.tiles is None else self.tiles[part]
        whole = self, start
        return replace(self, **columns, tiles=tiles, _vectors_file=None, _part_of=whole)

    @cached_property
    def digest(self) -> str:
        """Two snapshots with the same digest answer every search alike, wherever they are, but for
        damage that leaves a sample of their vectors and codes as it was."""
        hashed = blake2b(digest_size=16)
        hashed.update(repr((self.generation, self.identity, self.vectors.shape)).encode())
        hashed.update(repr((self.folders, self.formats, self.tiles is None)).encode())
        if self.rows:
            hashed.update(self.fingerprint(self.rows))
            hashed.update(self.codes[_sample(self.rows), : self.vectors.shape[1]].tobytes())
            hashed.update(self.bounds[_sample(self.rows)].tobytes())
        for name in _CATALOGUED:
            hashed.update(np.ascontiguousarray(getattr(self, name)).data)
        return hashed.hexdigest()

    def fingerprint(self, rows: int) -> bytes:
        """Of the first `rows` rows: what is written in a generation never changes, so files made
        from these rows are known by it."""
        return blake2b(self.read_rows(_sample(rows)).tobytes()).digest()

    def find_row(self, id: int) -> int | None:
        """The live row of an image, if it has one."""
        ids, rows = self._rows_by_id
        place = int(np.searchsorted(ids, id)) if 0 < id <= LARGEST else len(ids)
        return int(rows[place]) if place < len(ids) and ids[place] == id else None

    def row_of(self, id: int) -> int:
        """`find_row`, or a NotFoundError."""
        row = self.find_row(id)
        if row is None:
            raise NotFoundError(f"image {id} is not in the index, or not embedded yet")
        return row

    @cached_property
    def angle_max(self) -> float:
        """The largest angle between a vector and its code."""
        try:
            return codes.largest_angle(self.bounds if self.all_live else self.bounds[self.live])
        except ValueError as error:
            raise StoreError(
                f"the bounds of the codes {error}; repair the index with: lookalike check --repair"
            ) from None

    @cached_property
    def scales(self) -> NDArray[np.float32]:
        """(rows,) the scale of each code; NaN, which reaches no score, where the row is dead."""
        return np.where(self.live, self.bounds[:, 0], np.float32(np.nan))

    @cached_property
    def all_live(self) -> bool:
        return bool(self.live.all())

    @cached_property
    def _rows_by_id(self) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        rows = np.flatnonzero(self.live)
        rows = rows[np.argsort(self.ids[rows], kind="stable")]  # fast for what is sorted
        return self.ids[rows], rows


def _sample(rows: int) -> NDArray[np.intp]:
    """Some of so many rows, always the same and far apart."""
    return np.unique(np.linspace(0, rows - 1, min(rows, _FINGERPRINT_ROWS), dtype=np.intp))


def load_snapshot(index: Path, catalog: Catalog) -> Snapshot:
    """The catalogue's present state; FileNotFoundError if a writer has just switched generations.

    Call it inside a transaction: rows and columns must be of the same commit.
    """
    number = catalog.state().generation
    record = catalog.generations().get(number)
    if record is None:
        return _assemble(catalog, 0, None, 0, {}, None)
    _refuse_more_than_memory(index, record.rows)
    identity, mixed = identity_of(record), has_mixed_codes(index, record)
    found = columns(record, mixed)
    try:
        files = {column.header.kind: _mapped(index, column, record.rows) for column in found}
    except StoreError:
        if mixed and not has_mixed_codes(index, record):  # a writer has just converted them
            return load_snapshot(index, catalog)
        raise
    if "bounds" not in files:
        files["codes"], files["bounds"] = codes.split(files["codes"], identity.dim)
    vectors_file = AppendFile.open(index / found[0].name, found[0].header)
    try:
        vectors_file.expect_random_reads()
        return _assemble(catalog, number, identity, record.rows, files, vectors_file)
    except BaseException:
        vectors_file.close()
        raise


def _refuse_more_than_memory(index: Path, rows: int) -> None:
    """StoreError for more rows than can be: files from elsewhere may name any number of them, and
    be of that size without taking room."""
    wanted, free = rows * _ROW_BYTES, memory.available_bytes()
    if rows > _ORDINARY_ROWS and wanted > free:
        raise StoreError(
            f"{index} has {rows} rows, which take {wanted // MiB} MiB of memory; {free // MiB} MiB "
            "are free. Serve it on a machine with more, or delete it"
        )


def _assemble(
    catalog: Catalog,
    number: int,
    identity: ModelIdentity | None,
    rows: int,
    files: dict[str, NDArray[Any]],
    vectors_file: AppendFile | None,
) -> Snapshot:
    place, id, taken_at, packed, twin = _catalogued(catalog, number, rows)
    folders, formats = catalog.folders(), catalog.formats()

    def column(values: NDArray[np.int64], dtype: type[np.generic]) -> NDArray[Any]:
        spread = np.zeros(rows, dtype)
        spread[place] = values
        return spread

    ids = column(id, np.int64)
    return Snapshot(
        generation=number,
        identity=identity,
        vectors=files.get("vectors", np.zeros((0, 0), np.float32)),
        codes=files.get("codes", np.zeros((0, 0), np.int8)),
        bounds=files.get("bounds", np.zeros((0, 2), np.float32)),
        tiles=files.get("tiles"),
        ids=ids,
        live=ids > 0,
        taken_at=column(taken_at, np.int64),
        folder=column(_places(folders, packed >> 16), np.int32),
        folders=tuple(folders.values()),
        format=column(_places(formats, packed >> 8 & 0xFF), np.uint8),
        formats=tuple(formats.values()),
        orientation=column(packed & 0xFF, np.uint8),
        twin=column(twin, np.int64).view(np.uint64),
        _vectors_file=vectors_file,
    )


def _catalogued(catalog: Catalog, number: int, rows: int) -> NDArray[np.int64]:
    """(5, n): of every live row its place, image id, taken_at, folder, format and orientation in
    one number, and twin."""
    sql = f"""SELECT row, image_id, ifnull(taken_at, {UNDATED}) AS at,
                     (folder_id << 16) | (format_id << 8) | orientation AS packed, twin
              FROM rows JOIN images ON images.id = image_id
              WHERE generation = ? AND row BETWEEN ? AND ?"""
    names = "row", "image_id", "at", "packed", "twin"
    starts = range(0, max(rows, 1), _BLOCK_ROWS)
    ends = [start - 1 for start in starts[1:]] + [LARGEST]  # a row too high is damage: see it
    blocks = [
        read_numbers(catalog, names, sql, (number, start, end))
        for start, end in zip(starts, ends, strict=True)
    ]
    return np.concatenate(blocks, axis=1)


def _places(names: dict[int, str], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Record ids -> places in `names`, whose keys they are; ValueError if one is not there."""
    known = np.array(list(names), np.int64)
    order = np.argsort(known)
    at = np.searchsorted(known, ids, sorter=order)
    found: NDArray[np.int64] = order.take(at, mode="clip") if len(names) else at
    if len(ids) and not (len(names) and np.array_equal(known[found], ids)):
        raise ValueError("an image names a folder or a format that is not there")
    return found


def _mapped(index: Path, column: Column, rows: int) -> NDArray[Any]:
    shape = (rows, *column.row_shape)
    file = AppendFile.open(index / column.name, column.header)
    try:
        if file.size_bytes() < rows * column.header.item_bytes:
            # Mapping it would end the process with SIGBUS at the first missing page.
            raise StoreError(
                f"{file.path} is shorter than its {rows} rows; repair the index with: "
                "lookalike check --repair"
            )
        if rows == 0:
            return np.zeros(shape, column.header.dtype)
        return np.memmap(file.path, column.header.dtype, "r", HEADER_BYTES, shape)
    finally:
        file.close()
