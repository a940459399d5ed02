"""Takes over what another index of the same model knows of files that are in this library too.

A file is recognised by its content, so roots, names and times may differ. Everything taken over is
compared with its CRCs first, and becomes part of this index as any other batch does.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from edge_app.errors import EdgeAppError, StoreError, UsageError
from edge_app.index.format import codes
from edge_app.index.format.appendfile import AppendFile
from edge_app.index.format.generation import columns, identity_of, thumbs_header, thumbs_name
from edge_app.index.format.readonly import open_for_reading
from edge_app.index.format.schema import CATALOG, SCHEMA_VERSION
from edge_app.index.format.steps import version_message
from edge_app.index.write import known
from edge_app.index.write.batch import Batch, NewImage
from edge_app.index.write.writer import Writer
from edge_app.indexing.images import image_from
from edge_app.indexing.plan import Progress, plan
from edge_app.library.folder import source_of
from edge_app.library.scan import FoundFile
from edge_app.library.source import Source, fingerprint_at
from edge_app.model.card import ModelIdentity, comparable


def take_over(
    source: Path,
    library: Source | Path,
    writer: Writer,
    batch_images: int,
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> int:
    """Give images of `library` that have no row yet the one they have in the index `source`; how
    many got one. `source` is only read, and as of one moment.

    UsageError if it is the index being written; StoreError if it can't be read or its rows can't be
    compared with this writer's. What was committed before an error, or a kill, stays.
    """
    if source.resolve() == writer.index.resolve():
        raise UsageError(f"--import {source} is the index itself; choose another one")
    library = source_of(library)
    done = 0
    try:
        with closing(_Donor(source, writer.identity, writer.tiles)) as donor:
            known = writer.known()
            held = {path: old.content for path, old in known.items() if old.embedded}
            todo = plan(library.scan(), known, writer.rejected()).to_read
            files = [file for file in todo if file.size_bytes in donor.sizes]
            on_progress(Progress("importing", 0, len(files)))
            for start in range(0, len(files), batch_images):
                some = files[start : start + batch_images]
                images = list(donor.images_of(library, some, held))
                if images:
                    writer.commit(Batch(images=images))
                done += len(images)
                on_progress(Progress("importing", start + len(some), len(files)))
    except (sqlite3.Error, OSError, TypeError, ValueError) as error:
        raise StoreError(
            f"{source} can't be imported: {error}; for details: lookalike check"
        ) from error
    return done


class _Donor:
    """An index that gives rows away, as of its last commit when it was opened."""

    def __init__(self, index: Path, identity: ModelIdentity, tiles: int) -> None:
        self._opened = ExitStack()
        if not (index / CATALOG).exists():
            raise StoreError(f"--import {index}: no index in this folder")
        try:
            self._catalog = self._opened.enter_context(closing(open_for_reading(index)))
            self._open(index, identity, tiles)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._opened.close()

    def _open(self, index: Path, identity: ModelIdentity, tiles: int) -> None:
        if self._catalog.schema_version() != SCHEMA_VERSION:
            message = version_message(index, self._catalog.schema_version())
            raise StoreError(f"--import: {message}")
        self._opened.enter_context(self._catalog.transaction("DEFERRED"))
        state = self._catalog.state()
        record = self._catalog.generations().get(state.generation)
        if record is None:
            raise StoreError(f"--import {index}: the index is empty")
        _refuse_another_model(index, identity_of(record), identity)
        if tiles and record.tiles != tiles:
            raise StoreError(
                f"--import {index}: it has {record.tiles} tiles per image, this index has "
                f"{tiles}; index it with --tiles first, or leave out --tiles here"
            )
        self._generation = record.generation
        found = {column.header.kind: column for column in columns(record)}
        self._columns = [found["vectors"], *([found["tiles"]] if tiles else [])]
        number = state.thumbs_generation
        headers = [(column.name, column.header) for column in self._columns]
        self._files = {
            header.kind: self._opened.enter_context(closing(AppendFile.open(index / name, header)))
            for name, header in [*headers, (thumbs_name(number), thumbs_header(number))]
        }
        embedded = known.embedded(self._catalog, self._generation)
        self.sizes = {size_bytes for size_bytes, _, _ in embedded}
        self._ids = {content: id for _, content, id in embedded}

    def images_of(
        self, library: Source, files: list[FoundFile], held: dict[str, bytes]
    ) -> Iterator[NewImage]:
        """Those of the files whose content this index knows, undamaged; except files that have
        the content already which is `held` of their path."""
        for file in files:
            # What can't be read is the index run's to report, which comes after.
            with suppress(EdgeAppError):
                content = fingerprint_at(library, file.path)
                id = None if held.get(file.path) == content else self._ids.get(content)
                image = None if id is None else self._image(file, id)
                if image:
                    yield image

    def _image(self, file: FoundFile, id: int) -> NewImage | None:
        """The image as this library has it; None if a bit of what is known of it has flipped."""
        found = known.verified(self._catalog, id, self._generation)
        if found is None:
            return None
        image, row = found
        crcs = {"vectors": row.vector_crc, "tiles": row.tiles_crc}
        arrays = {}
        for column in self._columns:
            header = column.header
            data = self._files[header.kind].read(row.row * header.item_bytes, header.item_bytes)
            if zlib.crc32(data) != crcs[header.kind]:
                return None
            vectors = np.frombuffer(data, "<f4").reshape(column.row_shape)
            if not codes.are_unit(vectors).all():  # a CRC can be made for any vector
                return None
            arrays[header.kind] = vectors
        thumbnail = self._files["thumbs"].read(image.thumb_offset, image.thumb_bytes)
        if zlib.crc32(thumbnail) != image.thumb_crc:
            return None
        return image_from(file, image, thumbnail, arrays["vectors"], arrays.get("tiles"))


def _refuse_another_model(index: Path, theirs: ModelIdentity, ours: ModelIdentity) -> None:
    if comparable(theirs, ours):
        return
    pairs = zip(asdict(theirs).items(), asdict(ours).values(), strict=True)
    differing = [
        f"{name} {their} there and {our} here"
        for (name, their), our in pairs
        if their != our and name != "name"
    ]
    raise StoreError(
        f"--import {index}: its rows can't be compared with this index ({', '.join(differing)}); "
        "index both with the same --model"
    )
