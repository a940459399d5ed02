"""Writes what an index knows into files that other programs read: Parquet, or NumPy's own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.errors import NoIndexError, StoreError, UsageError
from edge_app.host import install_with
from edge_app.index.format.appendfile import sync_folder
from edge_app.index.format.records import ImageRecord
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot

FILES = {"parquet": ("images.parquet",), "npy": ("vectors.npy", "ids.npy", "images.jsonl")}
_NPY: Any = np.lib.format  # typed in NumPy 2 alone
_BLOCK_ROWS = 4096  # in memory at a time


@dataclass(frozen=True, slots=True)
class Block:
    """Some images, with their vectors."""

    images: list[ImageRecord]
    vectors: NDArray[np.float32]  # (len(images), dim), unit rows


def export(
    reader: Reader, folder: Path, format: str, on_progress: Callable[[int, int], object]
) -> list[Path]:
    """Write every live image of the present snapshot; the files made, which are on the disk then.

    parquet: one file, columns id, path, taken_at (timestamp without a zone), width, height,
    format, bytes, content (of the file, BLAKE2b-128) and vector (fixed-size list of float32). npy:
    vectors (n, dim) float32, ids (n,) int64, and JSON with one object a row.
    Rows are in the order of ids; a name that is no UTF-8 is written with backslash escapes.
    on_progress: rows written, and of how many. UsageError where a file is there already, StoreError
    where the folder can't be written.
    """
    names = FILES[format]
    snapshot = reader.snapshot()
    if snapshot.identity is None:
        raise NoIndexError(reader.index)
    for name in names:
        if os.path.exists(folder / name):
            raise UsageError(f"{folder / name} is there already; choose another folder")
    rows = np.flatnonzero(snapshot.live)
    rows = rows[np.argsort(snapshot.ids[rows], kind="stable")]
    if format == "parquet":
        _check_arrow()
    write = _write_parquet if format == "parquet" else _write_npy
    parts = [folder / f"{name}.part" for name in names]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        blocks = _blocks(reader, snapshot, rows, on_progress)
        write(parts, blocks, len(rows), snapshot.identity.dim)
        for part in parts:
            with part.open("rb") as file:
                os.fsync(file.fileno())
        made = [Path(part.rename(part.with_suffix(""))) for part in parts]
        sync_folder(folder)
    except OSError as error:
        raise StoreError(f"{folder} can't be written: {error.strerror or error}") from None
    except ValueError as error:  # a size of more than 32 bits, such as no photo has
        raise StoreError(f"{reader.index} can't be exported: {error}") from None
    finally:
        for part in parts:
            with suppress(OSError):  # a folder that can't be written, as was said
                part.unlink(missing_ok=True)
    return made


def _blocks(
    reader: Reader,
    snapshot: Snapshot,
    rows: NDArray[np.intp],
    on_progress: Callable[[int, int], object],
) -> Iterator[Block]:
    """These rows with their images, some at a time, except images that have gone meanwhile."""
    for start in range(0, len(rows), _BLOCK_ROWS):
        some = rows[start : start + _BLOCK_ROWS]
        images = {image.id: image for image in reader.images(snapshot.ids[some].tolist())}
        kept = [row for row in some.tolist() if int(snapshot.ids[row]) in images]
        found = [images[int(snapshot.ids[row])] for row in kept]
        yield Block(found, np.asarray(snapshot.vectors[kept]))
        on_progress(min(start + _BLOCK_ROWS, len(rows)), len(rows))


def _check_arrow() -> None:
    """UsageError where Parquet's package is missing, before anything is made."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise UsageError(
            f"Parquet needs a package: {install_with('lookalike[export]')}; or use --format npy"
        ) from None


def _write_parquet(parts: list[Path], blocks: Iterator[Block], rows: int, dim: int) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema(
        [
            ("id", pa.int64()), ("path", pa.string()), ("taken_at", pa.timestamp("s")),
            ("width", pa.int32()), ("height", pa.int32()), ("format", pa.string()),
            ("bytes", pa.int64()), ("content", pa.binary(16)),
            ("vector", pa.list_(pa.float32(), dim)),
        ]
    )  # fmt: skip
    with parquet.ParquetWriter(parts[0], schema) as writer:
        for block in blocks:
            facts = [_facts(image) for image in block.images]
            columns = [
                pa.array([fact[name] for fact in facts], schema.field(name).type)
                for name in schema.names[:-2]
            ]
            columns.append(pa.array([image.content for image in block.images], pa.binary(16)))
            flat = pa.array(block.vectors.reshape(-1))
            columns.append(pa.FixedSizeListArray.from_arrays(flat, dim))
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _write_npy(parts: list[Path], blocks: Iterator[Block], rows: int, dim: int) -> None:
    vectors, ids, images = parts
    start = 0
    with vectors.open("wb") as to_vectors, ids.open("wb") as to_ids, images.open("w") as to_images:
        for file, dtype, shape in ((to_vectors, "<f4", (rows, dim)), (to_ids, "<i8", (rows,))):
            head = {"descr": dtype, "fortran_order": False, "shape": shape}
            _NPY.write_array_header_2_0(file, head)
        for block in blocks:
            to_vectors.write(block.vectors.astype("<f4", copy=False).tobytes())
            to_ids.write(np.array([image.id for image in block.images], "<i8").tobytes())
            for image in block.images:
                facts = _facts(image) | {"content": image.content.hex()}
                to_images.write(json.dumps(facts) + "\n")
            start += len(block.images)
        if start != rows:
            raise StoreError("the index changed meanwhile; export it again")


def _facts(image: ImageRecord) -> dict[str, Any]:
    return {
        "id": image.id,
        "path": os.fsencode(image.path).decode(errors="backslashreplace"),
        "taken_at": image.taken_at,
        "width": image.width_px,
        "height": image.height_px,
        "format": image.format,
        "bytes": image.size_bytes,
    }
