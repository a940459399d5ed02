"""Which files a generation is made of, and how wide a row of each is.

Row i of every per-row file of a generation belongs to the same image.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

from edge_app.errors import StoreError
from edge_app.index.format import codes
from edge_app.index.format.appendfile import AppendFile, Header
from edge_app.index.format.records import GenerationRecord, State, typed
from edge_app.model.card import ModelIdentity

_DIM_MAX = 2**20  # a float32 vector of 4 MiB; models have 4,096 at most
_TILES_MAX = 64  # photos.regions has 9


@dataclass(frozen=True, slots=True)
class Column:
    """One per-row file: its name in the index folder, its header, and what a row of it is."""

    name: str
    header: Header
    row_shape: tuple[int, ...]
    crc: str  # what a RowRecord calls the CRC-32 that covers a row of it
    checked_bytes: int  # of a row, that are covered: all except the zeros behind


def model_text(identity: ModelIdentity) -> str:
    """How the catalogue names a model."""
    return json.dumps(asdict(identity), sort_keys=True)


def identity_of(record: GenerationRecord) -> ModelIdentity:
    """The model a generation was built with."""
    with suppress(ValueError, TypeError, RecursionError, sqlite3.DatabaseError):
        identity = typed(ModelIdentity(**json.loads(record.model)))
        if 0 < identity.dim <= _DIM_MAX and record.tiles <= _TILES_MAX:
            return identity
    raise StoreError(
        f"the catalogue's record of generation {record.generation} is damaged; repair it with: "
        "lookalike check --repair"
    )


def columns(record: GenerationRecord, mixed: bool = False) -> list[Column]:
    """The per-row files of a generation: vectors, codes with their bounds and, where it has them,
    tiles. `mixed`: codes and bounds are in one file, as the first layout had them."""
    identity, number = identity_of(record), record.generation
    dim = identity.dim
    shapes: list[tuple[str, str, str, str, tuple[int, ...], int]] = [
        ("vectors", "f32", "vector_crc", "<f4", (dim,), 4 * dim)
    ]
    if mixed:
        size_bytes = codes.mixed_bytes(dim)
        shapes.append(("codes", "i8", "code_crc", "|u1", (size_bytes,), size_bytes))
    else:
        shapes += [
            ("bounds", "f32", "code_crc", "<f4", (2,), 8),
            ("codes", "i8", "code_crc", "|i1", (codes.width(dim),), codes.checked_bytes(dim)),
        ]
    if record.tiles:
        size_bytes = 4 * record.tiles * dim
        shapes.append(("tiles", "f32", "tiles_crc", "<f4", (record.tiles, dim), size_bytes))
    return [
        Column(
            f"{kind}-{number}.{extension}",
            Header(kind, dtype, dim, int(dtype[2]) * prod(shape), number, identity.sha256),
            shape,
            crc,
            checked_bytes,
        )
        for kind, extension, crc, dtype, shape, checked_bytes in shapes
    ]


def has_mixed_codes(index: Path, record: GenerationRecord) -> bool:
    """Whether codes and bounds of a generation are in one file still.

    The header of the codes says so. Where it can't be read, it is whether there are no bounds.
    """
    _, codes_column, *_ = columns(record, mixed=True)
    try:
        with closing(AppendFile.unverified(index / codes_column.name, codes_column.header)) as file:
            found = file.found()
    except (OSError, ValueError):
        return not (index / columns(record)[1].name).exists()
    return found == codes_column.header


def row_crcs(found: Iterable[Column], rows: Iterable[bytes]) -> dict[str, int]:
    """The CRC-32s of one row of each of the columns, by the name that RowRecord has for it. That of
    a code begins with its bounds, as they stood before it in the first layout."""
    crcs: dict[str, int] = {}
    for column, data in zip(found, rows, strict=True):
        padding = data[column.checked_bytes :].rstrip(b"\0")  # zeros count for nothing
        covered = data[: column.checked_bytes] + padding
        crcs[column.crc] = zlib.crc32(covered, crcs.get(column.crc, 0))
    return crcs


def unfinished_codes_name(number: int) -> str:
    """Of codes that are being brought into another layout."""
    return f"codes-{number}.unfinished"


def thumbs_header(number: int) -> Header:
    return Header("thumbs", "|u1", 0, 1, number, "")


def thumbs_name(number: int) -> str:
    return f"thumbs-{number}.bin"


def is_generation_file(name: str) -> bool:
    """Whether a file in the index folder belongs to some generation, current or abandoned."""
    kind, _, rest = name.partition("-")
    number, _, extension = rest.partition(".")
    return (kind, extension) in _KINDS and number.isdigit()


_KINDS = {
    ("vectors", "f32"),
    ("bounds", "f32"),
    ("codes", "i8"),
    ("tiles", "f32"),
    ("thumbs", "bin"),
    ("codes", "unfinished"),
}


def file_names(state: State, generations: dict[int, GenerationRecord]) -> set[str]:
    """Every file the catalogue refers to."""
    names = {column.name for record in generations.values() for column in columns(record)}
    return names | {thumbs_name(state.thumbs_generation)}
