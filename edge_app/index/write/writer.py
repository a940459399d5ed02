"""The index's one writer: what its `commit` has returned for survives a kill and a power cut.

A batch is preallocated, written behind the committed lengths, synced, and then made part of the
index by one SQLite transaction. That COMMIT is the only commit point (docs/index-format.md).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from edge_app.config import MiB
from edge_app.errors import DiskFullError, StoreError
from edge_app.index.format.appendfile import make_folder
from edge_app.index.format.locking import errors_translated, lock
from edge_app.index.format.records import Known, RejectedRecord
from edge_app.index.write import known
from edge_app.index.write.batch import Batch
from edge_app.index.write.commit import commit, need_bytes
from edge_app.index.write.compact import compact
from edge_app.index.write.session import OpenIndex
from edge_app.library.folder import source_of
from edge_app.library.source import Source
from edge_app.model.card import ModelIdentity


class Writer:
    """The one writer of an index.

    LockedError if another writer holds the index; StoreError if the folder can't be written or
    holds the index of another library. With another model than the index was built with, a new
    generation is built beside the current one, and readers answer from the old until `finish`.
    Any thread may call, calls take turns, and after an error the writer stays usable.
    """

    def __init__(
        self, index: Path, library: Source | Path, identity: ModelIdentity, tiles: int = 0
    ) -> None:
        self.index = index.absolute()
        self.library = source_of(library)
        self.identity = identity
        self.tiles = tiles
        self._mutex = threading.RLock()
        self._open: OpenIndex | None = None
        if self.library.holds(self.index):
            raise StoreError(
                f"the index folder {index} is inside the photo folder {self.library.root}, "
                "which is never written to; choose another folder with --index"
            )
        with errors_translated(self.index):
            make_folder(self.index)
            self._lock_fd = lock(self.index)
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
            return known.known(index.catalog, index.record.generation)

    def rejected(self) -> dict[str, RejectedRecord]:
        """Every rejected file, by path."""
        with self._using() as index:
            return known.rejected(index.catalog)

    def count_without_pattern(self) -> int:
        """How many images have a thumbnail and no pattern: those of an earlier version's index."""
        with self._using() as index:
            return known.count_without_pattern(index.catalog)

    def thumbnails_without_pattern(self, after: int, count: int) -> dict[int, bytes]:
        """The thumbnails of the next `count` of these, by id above `after`."""
        with self._using() as index:
            places = known.thumbs_without_pattern(index.catalog, after, count)
            thumbs = index.files["thumbs"]
            return {id: thumbs.read(offset, size_bytes) for id, offset, size_bytes in places}

    def commit(self, batch: Batch) -> list[int]:
        """Make a batch part of the index, durably; the ids of `batch.images` in their order.

        On a DiskFullError or StoreError the batch is dropped: do it again, now or in another run.
        """
        with self._using(need_bytes(batch)) as index:
            return commit(index, batch)

    @property
    def renames(self) -> dict[str, str]:
        """Sources that have another name than in the index, see `places.renames`."""
        with self._using() as index:
            return index.renames

    def adopt(self, batch: Batch) -> None:
        """Commit what the renames do to paths, and with it that the library is this one now."""
        with self._using(need_bytes(batch)) as index:
            index.begin()
            index.state = replace(index.state, root=os.fsencode(self.library.root))
            commit(index, batch)
            index.renames = {}

    def finish(self) -> None:
        """End a complete run: switch readers to the generation built beside the old one, if there
        is one, and rewrite what is dead by more than `compact.DEAD_FRACTION`."""
        with self._using() as index:
            if index.building:
                _switch(index)
        # A full disk only puts compaction off: nothing is lost and the run was a success.
        with suppress(DiskFullError), self._using() as index:
            compact(index)

    @contextmanager
    def _using(self, need_bytes: int = MiB) -> Iterator[OpenIndex]:
        """The open index. Any error closes it: after a failed sync or COMMIT neither the files
        nor the catalogue may be taken to be what this process believes; the next call reopens."""
        with self._mutex, errors_translated(self.index, need_bytes):
            if self._lock_fd < 0:
                raise StoreError(f"the writer of {self.index} is closed")
            if self._open is None:
                self._open = OpenIndex(self.index, self.library, self.identity, self.tiles)
            try:
                yield self._open
            except BaseException:
                self._drop()
                raise

    def _drop(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def _switch(index: OpenIndex) -> None:
    """Let readers answer from the generation just built, and remove the old one."""
    index.begin()
    state = replace(index.state, generation=index.record.generation)
    with index.catalog.transaction():
        index.catalog.drop_generation(index.state.generation)
        index.catalog.set_state(state)
    index.state = state
    index.remove_strays()
