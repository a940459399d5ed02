"""Makes indexes without decoding or embedding anything: every byte follows from a path."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.index.format import codes
from edge_app.index.format.appendfile import AppendFile, sync_folder
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.generation import columns, has_mixed_codes, unfinished_codes_name
from edge_app.index.format.schema import CATALOG
from edge_app.index.read.reader import Reader
from edge_app.index.write.batch import NewImage
from edge_app.index.write.writer import Writer
from edge_app.model.card import ModelIdentity

DIM = 16
MODEL = ModelIdentity("fake", "a" * 64, DIM, 32, "upright-rgb-stretch-1", "any")
OTHER_MODEL = ModelIdentity("other", "b" * 64, 2 * DIM, 32, "upright-rgb-stretch-1", "any")


def vector_of(content: bytes, dim: int = DIM) -> NDArray[np.float32]:
    """(dim,) float32 unit vector that follows from `content`."""
    bits = np.frombuffer(hashlib.shake_128(content).digest(2 * dim), "<i2")
    values = bits.astype(np.float64) + 0.5
    unit: NDArray[np.float32] = (values / np.linalg.norm(values)).astype(np.float32)
    return unit


def thumbnail_of(content: bytes) -> bytes:
    """Bytes that follow from `content`, of a length that does too."""
    return content * (20 + content[0] % 60)


def new_image(
    path: str, version: int = 0, tiles: int = 0, dim: int = DIM, **facts: Any
) -> NewImage:
    """An image at `path`; another `version` is another content."""
    name = path.encode("utf-8", "surrogateescape")
    content = hashlib.blake2b(name + b"%d" % version, digest_size=16).digest()
    number = int.from_bytes(content[:4], "little")
    values: dict[str, Any] = {
        "path": path,
        "size_bytes": 1000 + number % 1000,
        "mtime_ns": 1_600_000_000_000_000_000 + number,
        "content": content,
        "width_px": 400,
        "height_px": 300,
        "format": "JPEG",
        "taken_at": None,
        "camera": None,
        "thumbnail": thumbnail_of(content),
        "vector": vector_of(content, dim),
    }
    if tiles:
        values["tiles"] = np.stack([vector_of(content + b"%d" % i, dim) for i in range(tiles)])
    return NewImage(**{**values, **facts})


def writer_of(folder: Path, identity: ModelIdentity = MODEL, tiles: int = 0) -> Writer:
    """A writer of `folder`/index for the library `folder`/library."""
    return Writer(folder / "index", folder / "library", identity, tiles)


def to_first_layout(index: Path) -> None:
    """Leave codes and bounds as a program before this layout did: side by side in one file. A power
    cut meanwhile leaves a sound index too."""
    with closing(Catalog.connect(index / CATALOG, "mode=ro")) as catalog:
        records = catalog.generations().values()
    for record in records:
        if has_mixed_codes(index, record):
            continue
        now = {column.header.kind: column for column in columns(record)}
        _, mixed, *_ = columns(record, mixed=True)
        rows, dim = record.rows, mixed.header.dim
        packed = np.zeros((rows, mixed.header.item_bytes), np.uint8)
        for kind, part in (("bounds", packed[:, :8]), ("codes", packed[:, 8:])):
            with closing(AppendFile.open(index / now[kind].name, now[kind].header)) as file:
                size_bytes = now[kind].header.item_bytes
                found = np.frombuffer(file.read(0, rows * size_bytes), np.uint8)
                part[:] = found.reshape(rows, size_bytes)[:, : part.shape[1]]
        assert mixed.header.item_bytes == 8 + -(-dim // 4) * 4
        unfinished = index / unfinished_codes_name(record.generation)
        with closing(AppendFile.create(unfinished, mixed.header)) as file:
            file.write(0, packed.tobytes())
            file.sync()
        sync_folder(index)
        unfinished.rename(index / mixed.name)
        sync_folder(index)
        (index / now["bounds"].name).unlink()


@dataclass(frozen=True)
class View:
    """What a reader finds in an index."""

    model: ModelIdentity | None  # of what can be found by a search, if anything
    images: frozenset[tuple[str, bytes]]  # path and content
    embedded: frozenset[str]  # paths of the images that a search can find


def view(index: Path) -> View:
    """What is in an index made of `new_image`s, every byte compared with what it should be."""
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        images = {image.id: image for image in reader.page(limit=10_000).items}
        for image in images.values():
            assert reader.thumbnail(image.id)[0] == thumbnail_of(image.content), image.path
    embedded = {int(id): images[id] for id in snapshot.ids[snapshot.live]}
    for id, image in embedded.items():
        row = snapshot.row_of(id)
        vector = vector_of(image.content, snapshot.vectors.shape[1])
        assert np.array_equal(snapshot.vectors[row], vector), image.path
        encoded = codes.encode(vector[None])
        width = snapshot.codes.shape[1]
        assert np.array_equal(snapshot.codes[row], encoded.codes[0, :width]), image.path
        assert np.array_equal(snapshot.bounds[row], encoded.bounds[0]), image.path
    return View(
        snapshot.identity if embedded else None,
        frozenset((image.path, image.content) for image in images.values()),
        frozenset(image.path for image in embedded.values()),
    )
