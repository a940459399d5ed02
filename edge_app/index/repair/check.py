"""Finds every flipped bit in what the index holds, and has the damage cleared away.

Vectors, codes, tiles and thumbnails have a CRC-32 in the catalogue, its records have one each, and
SQLite's own check covers its pages and indexes. What is dead or unused is not looked at.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edge_app.errors import NoIndexError, StoreError
from edge_app.index.format import codes
from edge_app.index.format.appendfile import AppendFile, Header
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.generation import (
    Column,
    columns,
    has_mixed_codes,
    identity_of,
    row_crcs,
    thumbs_header,
    thumbs_name,
)
from edge_app.index.format.locking import errors_translated, lock, obstacle_of
from edge_app.index.format.readonly import open_for_reading
from edge_app.index.format.records import GenerationRecord, join_path, record_crc
from edge_app.index.format.schema import CATALOG, IMAGE_TABLES, SCHEMA_VERSION, STORED_COLUMNS
from edge_app.index.format.steps import version_message
from edge_app.index.repair import beside, cures
from edge_app.index.repair.report import CheckReport, Problem
from edge_app.index.write.session import open_catalog


def check(index: Path) -> CheckReport:
    """Read the whole index as of the last commit; a writer may continue meanwhile."""
    if not os.path.exists(index / CATALOG):
        raise NoIndexError(index)
    report = CheckReport()
    try:
        with closing(open_for_reading(index)) as catalog, catalog.transaction("DEFERRED"):
            version = catalog.schema_version()
            if version > SCHEMA_VERSION:  # sound, for all that can be told; set aside it is lost
                raise StoreError(version_message(index, version))
            report.problems.extend(_structure(catalog))
            if not report.problems:
                report.problems.extend(_Contents(index, catalog, report).problems())
                report.problems.extend(beside.problems(index))
    except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, sqlite3.Error) and (obstacle := obstacle_of(error)):
            raise StoreError(f"the catalogue of {index} can't be checked: {obstacle}") from error
        report.problems.append(_catalog_problem(str(error)))
    return report


def repair(index: Path) -> CheckReport:
    """Clear damage away so that the next index run restores what was lost; what `check` had found.

    Damaged rows, thumbnails and records are forgotten. A catalogue that can't be trusted is
    renamed to catalog.db.broken-<n>, never deleted, and the next run starts a new one.
    """
    with errors_translated(index):
        lock_fd = lock(index)
        try:
            report = check(index)
            wanted = [problem.cure for problem in report.problems]
            if None in wanted:
                report.set_aside = cures.set_aside(index)
            elif wanted:
                with closing(open_catalog(index)) as catalog:
                    cures.apply(catalog, [cure for cure in wanted if cure])
            return report
        finally:
            os.close(lock_fd)


def _structure(catalog: Catalog) -> Iterator[Problem]:
    """Whether SQLite can be believed at all."""
    if catalog.schema_version() != SCHEMA_VERSION:
        yield _catalog_problem(f"has the index format {catalog.schema_version()}")
        return
    for (message,) in catalog.connection.execute("PRAGMA integrity_check"):
        if message != "ok":
            yield _catalog_problem(" ".join(message.split()))
    for table in ("state", "generations"):
        for *values, crc in catalog.connection.execute(f"SELECT * FROM {table}"):
            if record_crc(values) != crc:
                yield _catalog_problem(f"a record of {table} differs from its CRC")


class _Contents:
    """Every record, row and thumbnail of a catalogue whose structure is sound."""

    def __init__(self, index: Path, catalog: Catalog, report: CheckReport) -> None:
        self._index = index
        self._catalog = catalog
        self._report = report

    def problems(self) -> Iterator[Problem]:
        state = self._catalog.state()
        number = state.thumbs_generation
        if not number:
            return  # a writer was stopped before its first generation
        thumbs = _File(self._index / thumbs_name(number), thumbs_header(number), state.thumbs_bytes)
        with closing(thumbs):
            yield from thumbs.problems()
            yield from self._images(thumbs)
        for record in self._catalog.generations().values():
            yield from self._generation(record)
        yield from self._rejected()

    def _images(self, thumbs: _File) -> Iterator[Problem]:
        for *values, crc in self._select(
            f"SELECT {STORED_COLUMNS}, images.crc FROM {IMAGE_TABLES}"
        ):
            id, folder, _, name, *_, offset, size_bytes, thumb_crc, _, _, _, _, _, _ = values
            self._report.images += 1
            if record_crc(values) != crc:
                yield Problem(
                    f"{CATALOG}: the record of image {id} differs from its CRC",
                    partial(cures.forget_image, id=id),
                )
            elif size_bytes:
                self._report.thumbnails += 1
                if not thumbs.holds(offset, size_bytes, thumb_crc):
                    yield Problem(
                        f"{thumbs.name}: the thumbnail of image {id} ({join_path(folder, name)}) "
                        "differs from its CRC",
                        partial(cures.forget_thumbnail, id=id),
                    )

    def _generation(self, record: GenerationRecord) -> Iterator[Problem]:
        try:
            identity_of(record)
        except StoreError as error:
            yield _catalog_problem(str(error))
            return
        found = columns(record, mixed=has_mixed_codes(self._index, record))
        with ExitStack() as opened:
            files = []
            for column in found:
                length = record.rows * column.header.item_bytes
                file = _File(self._index / column.name, column.header, length)
                files.append(opened.enter_context(closing(file)))
            for file in files:
                yield from file.problems()
            yield from self._rows(record, found, files)

    def _rows(
        self, record: GenerationRecord, found: list[Column], files: list[_File]
    ) -> Iterator[Problem]:
        number, count = record.generation, 0
        for path, *values, crc in self._select(
            """SELECT CASE WHEN folder = x'' THEN name ELSE folder || '/' || name END, rows.*
               FROM rows LEFT JOIN images ON images.id = image_id
               LEFT JOIN folders ON folders.id = folder_id
               WHERE generation = ? ORDER BY row""",
            number,
        ):
            _, row, id, *crcs = values
            count += 1
            forget = partial(cures.forget_row, generation=number, row=row)
            if record_crc(values) != crc or row >= record.rows:
                yield Problem(f"{CATALOG}: the record of row {row} differs from its CRC", forget)
                continue
            expected = dict(zip(("vector_crc", "code_crc", "tiles_crc"), crcs, strict=True))
            data = [file.row(row) for file in files]
            sound = True
            for kind, data_crc in row_crcs(found, data).items():
                if data_crc != expected[kind]:
                    sound = False
                    name = " or ".join(column.name for column in found if column.crc == kind)
                    yield Problem(
                        f"{name}: row {row}, image {id} ({os.fsdecode(path or b'?')}), "
                        "differs from its CRC",
                        forget,
                    )
            if sound and (impossible := _impossible(found, data)):
                name, reason = impossible
                yield Problem(f"{name}: row {row}, image {id}, {reason}", forget)
        self._report.rows += count
        if count != record.live:
            yield Problem(
                f"{CATALOG}: generation {number} has {count} live rows, not {record.live}",
                lambda catalog: None,  # every repair counts again
            )

    def _rejected(self) -> Iterator[Problem]:
        for path, *values, crc in self._select("SELECT * FROM rejected"):
            self._report.rejected += 1
            if record_crc((path, *values)) != crc:
                yield Problem(
                    f"{CATALOG}: the record of a rejected file differs from its CRC",
                    partial(cures.forget_rejected, path=path),
                )

    def _select(self, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
        return self._catalog.connection.execute(sql, values)


class _File:
    """A file the catalogue refers to, as it is found."""

    def __init__(self, path: Path, header: Header, length: int) -> None:
        self.name = path.name
        self.header = header
        self._path = path
        self._length = length
        self._file: AppendFile | None = None
        self._trouble = "is missing"
        try:
            self._file = AppendFile.unverified(path, header)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._trouble = f"can't be read: {error.strerror}"

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the file as a whole."""
        restore = partial(cures.restore, path=self._path, header=self.header, length=self._length)
        if self._file is None:
            yield Problem(f"{self.name} {self._trouble}", restore)
            return
        problem = self._file.problem()
        if problem is not None:
            yield Problem(f"{self.name} {problem}", restore)
        if self._file.size_bytes() < self._length:
            yield Problem(f"{self.name} is shorter than the catalogue says", restore)

    def holds(self, offset: int, size_bytes: int, crc: int) -> bool:
        """Whether the bytes there can be read and add up to `crc`."""
        return zlib.crc32(self._read(offset, size_bytes)) == crc

    def row(self, row: int) -> bytes:
        """A row, or what can be read of it."""
        return self._read(row * self.header.item_bytes, self.header.item_bytes)

    def _read(self, offset: int, size_bytes: int) -> bytes:
        if self._file is None:
            return b""
        try:
            return self._file.read(offset, size_bytes)
        except OSError:  # a sector the medium has given up
            return b""


def _impossible(found: list[Column], data: list[bytes]) -> tuple[str, str] | None:
    """The file whose numbers in these rows are not what searches take them for, and why: a CRC can
    be made for any. A vector of zeros is of a picture without a direction; it matches nothing."""
    for column, row in zip(found, data, strict=True):
        if column.header.kind in ("vectors", "tiles"):
            vectors = np.frombuffer(row, "<f4").reshape(-1, column.row_shape[-1])
            if not (codes.are_unit(vectors) | ~vectors.any(axis=1)).all():
                return column.name, "is no vector of length 1"
        elif column.header.kind == "bounds":
            try:
                codes.largest_angle(np.frombuffer(row, "<f4").reshape(1, 2))
            except ValueError:
                return column.name, "has bounds that no code has"
    return None


def _catalog_problem(message: str) -> Problem:
    return Problem(f"{CATALOG}: {message}", None)
