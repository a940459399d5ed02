"""The index open for writing: one generation's files and the catalogue, kept consistent.

Files are durable, names included, before the catalogue refers to them, and unlinked only after it
no longer does. So opening finds nothing worse than strays of a process that was killed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edge_app.errors import StoreError
from edge_app.index.format.appendfile import AppendFile, Header, sync_folder
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.generation import (
    columns,
    file_names,
    identity_of,
    is_generation_file,
    model_text,
    thumbs_header,
    thumbs_name,
)
from edge_app.index.format.recognise import recognise
from edge_app.index.format.records import GenerationRecord, State
from edge_app.index.format.schema import CATALOG
from edge_app.index.format.steps import upgrade
from edge_app.index.write.convert import convert, needs_conversion
from edge_app.library.places import renames
from edge_app.library.source import Source
from edge_app.model.card import ModelIdentity, comparable


def open_catalog(index: Path) -> Catalog:
    """The catalogue, open for writing and brought to today's version; an empty one is made where
    there is none."""
    path = index / CATALOG
    if not path.exists():
        _create_catalog(path)
    catalog = Catalog.connect(path, "mode=rw")
    try:
        # Another program may have taken the log away; a kill would then leave a rollback journal.
        catalog.connection.execute("PRAGMA journal_mode = WAL")
        upgrade(catalog, index)
    except BaseException:
        catalog.close()
        raise
    return catalog


def _create_catalog(path: Path) -> None:
    """Make a catalogue under another name first: readers find a complete one or none at all."""
    making = path.with_name(f"{path.name}.new")
    for stray in path.parent.glob(f"{making.name}*"):
        stray.unlink()
    # A log whose catalogue is gone would be taken for the new one's, and what it tells be revived.
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    sync_folder(path.parent)
    Catalog.create(making)
    making.rename(path)
    sync_folder(path.parent)


class OpenIndex:
    """Catalogue, state, and the files of the generation being written, by kind."""

    def __init__(self, index: Path, library: Source, identity: ModelIdentity, tiles: int) -> None:
        self.index = index
        self.files: dict[str, AppendFile] = {}
        self.catalog = open_catalog(index)
        try:
            self.state = self.catalog.state()
            recognise(index, self.catalog, library)
            # With these the paths of images change as well, which `adopt` does in one commit.
            self.renames = renames(os.fsdecode(self.state.root), library.root)
            if not self.renames:
                self.state = replace(self.state, root=os.fsencode(library.root))
            self.record = self._choose(identity, tiles)
            self._begun = False
            if self._must_tell_catalog():
                self.begin()
            self._convert()
            self._open_files()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close everything; what was not committed is dropped."""
        for file in self.files.values():
            file.close()
        self.catalog.close()

    @property
    def building(self) -> bool:
        """Whether readers answer from another generation than the one being written."""
        return self.record.generation != self.state.generation

    def begin(self) -> None:
        """What has to come before the first change; nothing after that.

        An index that is opened and found up to date is not written, so that the SD card lasts.
        """
        if self._begun:
            return
        # A process killed inside COMMIT may have left its transaction in the write-ahead log, where
        # live readers keep it from being either recovered or overwritten. Were the next batch now
        # written to the same places and the power cut, recovery would find the old transaction
        # with the new bytes. This commit overwrites it first, and must not be optimised away.
        self.state = replace(self.state, openings=self.state.openings + 1)
        with self.catalog.transaction():
            for number in self._superfluous():
                self.catalog.drop_generation(number)
            self.catalog.put_generation(self.record)
            self.catalog.set_state(self.state)
        self.remove_strays()
        self._begun = True

    def make_durable(self, data: Mapping[str, bytes]) -> None:
        """Put bytes behind the committed length of each kind of file and wait for the medium.

        All room is set aside first: a full disk raises OSError before a byte is written.
        """
        places = [(self.files[kind], self.committed(kind), data[kind]) for kind in data]
        try:
            for file, offset, added in places:
                file.reserve(offset, len(added))
        except OSError:
            for file, offset, _ in places:
                with suppress(OSError):
                    file.release(offset)
            raise
        for file, offset, added in places:
            file.write(offset, added)
        for file, _, _ in places:
            file.sync()

    def committed(self, kind: str) -> int:
        """Bytes of a kind of file that belong to the index."""
        if kind == "thumbs":
            return self.state.thumbs_bytes
        return self.record.rows * self.files[kind].header.item_bytes

    def create_file(self, name: str, header: Header) -> AppendFile:
        """A new file, ready to be referred to after `sync_names`."""
        return AppendFile.create(self.index / name, header)

    def sync_names(self) -> None:
        """Make the names of files just created durable."""
        sync_folder(self.index)

    def reopen(self, state: State, record: GenerationRecord) -> None:
        """Go on with other files, the catalogue having been switched to them."""
        self.state, self.record = state, record
        for file in self.files.values():
            file.close()
        self.remove_strays()
        self._open_files()

    def remove_strays(self) -> None:
        """Unlink the files of generations that the catalogue does not (or no longer) refer to."""
        for path in self._strays():
            path.unlink()

    def _strays(self) -> list[Path]:
        wanted = file_names(self.state, self.catalog.generations())
        return [
            path
            for path in self.index.iterdir()
            if is_generation_file(path.name) and path.name not in wanted
        ]

    def _superfluous(self) -> Set[int]:
        """Generations that are neither written nor answered from: of a model given up again."""
        return self.catalog.generations().keys() - {self.record.generation, self.state.generation}

    def _must_tell_catalog(self) -> bool:
        """Whether opening has found anything that the catalogue must be told, or that must go."""
        return bool(self.state != self.catalog.state() or self._superfluous() or self._strays())

    def _choose(self, identity: ModelIdentity, tiles: int) -> GenerationRecord:
        """The generation to write: the current one if it fits, one already begun, or a new one."""
        generations = self.catalog.generations()
        fitting = [
            record
            for record in generations.values()
            if record.tiles == tiles and comparable(identity_of(record), identity)
        ]
        chosen = min(fitting, key=lambda record: record.generation, default=None)
        if chosen is None:
            number = self.state.last_generation + 1
            chosen = GenerationRecord(number, model_text(identity), tiles, rows=0, live=0)
            self.state = replace(self.state, last_generation=number)
            for column in columns(chosen):
                self.create_file(column.name, column.header).close()
            if not self.state.thumbs_generation:
                self.create_file(thumbs_name(number), thumbs_header(number)).close()
                self.state = replace(self.state, thumbs_generation=number)
            self.sync_names()
        if self.state.generation not in generations:
            self.state = replace(self.state, generation=chosen.generation)
        return chosen

    def _convert(self) -> None:
        """Bring the files of an older program into the layout of this one."""
        for record in self.catalog.generations().values():
            if needs_conversion(self.index, record):
                self.begin()
                convert(self.index, record)

    def _open_files(self) -> None:
        wanted = [(column.name, column.header) for column in columns(self.record)]
        number = self.state.thumbs_generation
        for name, header in [*wanted, (thumbs_name(number), thumbs_header(number))]:
            try:
                file = AppendFile.open(self.index / name, header, writable=True)
            except FileNotFoundError:
                raise StoreError(
                    f"{self.index / name} is missing; repair the index with: lookalike "
                    "check --repair"
                ) from None
            self.files[header.kind] = file
            if file.size_bytes() < self.committed(header.kind):
                raise StoreError(
                    f"{file.path} is shorter than the catalogue says; repair the index "
                    "with: lookalike check --repair"
                )
