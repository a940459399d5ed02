"""Which files a generation is made of, and how wide a row of each is.

Row i of every per-row file of a generation belongs to the same image.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import prod

from edge_app.errors import StoreError
from edge_app.index.format import codes
from edge_app.index.format.appendfile import Header
from edge_app.index.format.records import GenerationRecord, State
from edge_app.model.card import ModelIdentity


@dataclass(frozen=True, slots=True)
class Column:
    """One per-row file: its name in the index folder, its header, and the shape of a row."""

    name: str
    header: Header
    row_shape: tuple[int, ...]


def model_text(identity: ModelIdentity) -> str:
    """How the catalogue names a model."""
    return json.dumps(asdict(identity), sort_keys=True)


def identity_of(record: GenerationRecord) -> ModelIdentity:
    """The model a generation was built with."""
    try:
        return ModelIdentity(**json.loads(record.model))
    except (ValueError, TypeError):
        raise StoreError(
            f"the catalogue's record of generation {record.generation} is damaged; "
            "`check --repair` settles it"
        ) from None


def columns(record: GenerationRecord) -> list[Column]:
    """The per-row files of a generation: vectors, codes and, where it has them, tiles."""
    identity, number = identity_of(record), record.generation
    dim = identity.dim
    shapes: list[tuple[str, str, str, tuple[int, ...]]] = [
        ("vectors", "f32", "<f4", (dim,)),
        ("codes", "i8", "|u1", (codes.code_bytes(dim),)),
    ]
    if record.tiles:
        shapes.append(("tiles", "f32", "<f4", (record.tiles, dim)))
    return [
        Column(
            f"{kind}-{number}.{extension}",
            Header(kind, dtype, dim, int(dtype[2]) * prod(shape), number, identity.sha256),
            shape,
        )
        for kind, extension, dtype, shape in shapes
    ]


def thumbs_header(number: int) -> Header:
    return Header("thumbs", "|u1", 0, 1, number, "")


def thumbs_name(number: int) -> str:
    return f"thumbs-{number}.bin"


def is_generation_file(name: str) -> bool:
    """Whether a file in the index folder belongs to some generation, current or abandoned."""
    kind, _, rest = name.partition("-")
    number, _, extension = rest.partition(".")
    return (kind, extension) in _KINDS and number.isdigit()


_KINDS = {("vectors", "f32"), ("codes", "i8"), ("tiles", "f32"), ("thumbs", "bin")}


def file_names(state: State, generations: dict[int, GenerationRecord]) -> set[str]:
    """Every file the catalogue refers to."""
    names = {column.name for record in generations.values() for column in columns(record)}
    return names | {thumbs_name(state.thumbs_generation)}
