"""Reads an index while others write it, from any thread, starting before there is one."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edge_app.errors import NotFoundError, StoreError
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.generation import identity_of
from edge_app.index.format.locking import obstacle_of
from edge_app.index.format.readonly import signature
from edge_app.index.format.recognise import recognise, sample_paths
from edge_app.index.format.records import ImageRecord, RejectedRecord
from edge_app.index.format.schema import CATALOG
from edge_app.index.read import listing
from edge_app.index.read.connect import connected
from edge_app.index.read.fairlock import FairLock
from edge_app.index.read.filters import Filter
from edge_app.index.read.listing import LAYOUT_MAX, Counts, Facets, Layout, Page
from edge_app.index.read.pictures import Pictures, load_pictures
from edge_app.index.read.rejections import NAMED, Rejections, rejections
from edge_app.index.read.snapshot import Snapshot, load_snapshot
from edge_app.index.read.thumbfile import ThumbFile, read_thumbnail
from edge_app.library.folder import source_of
from edge_app.library.places import roots_in
from edge_app.library.source import Source

T = TypeVar("T")
_COUNTS = 100  # kept until the index changes, so that a filter a visitor makes up costs little
_IMAGES_AT_ONCE = 25  # other threads wait for so long: for each image Python may be lost to one
_LOAD_TRIES = 5  # a writer switches generations at most every few minutes, never five times here


class Reader:
    """An index open for reading; it never writes and never waits for a writer.

    Before the first index run it answers as an empty index does, and it follows when the index
    appears, changes, or is deleted and built again. StoreError if what is there can't be read.
    """

    def __init__(self, index: Path) -> None:
        self.index = index.absolute()
        self._catalog_path = str(self.index / CATALOG)
        self._mutex = FairLock()
        self._catalog: Catalog | None = None  # before the first look at the folder
        self._file_id: tuple[int, int] | None = None  # of the catalogue that is open
        self._signature: tuple[object, ...] = ()  # and of what is in it, should it be frozen
        self._seen: tuple[tuple[int, int] | None, int] | None = None
        self._looked_ns = 0
        self._version = 0
        self._name = secrets.token_hex(4)
        self._snapshot: Snapshot | None = None
        self._counts: dict[object, Any] = {}  # what `_counted` was asked for
        self._thumbs = ThumbFile(self.index)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index; snapshots already given out stay usable."""
        with self._mutex.held():
            self._disconnect()

    def version(self) -> str:
        """Another text after every change of the index."""
        with self._reading():
            return f"{self._name}-{self._version}"

    def model_sha256(self) -> str | None:
        """Of the model that the index was built with, None before the first run."""
        with self._reading() as catalog:
            record = catalog.generations().get(catalog.state().generation)
        return identity_of(record).sha256 if record else None

    def roots(self) -> dict[str, str]:
        """The roots of the library of the last writer by the names of its sources, "" for one that
        has none; empty before the first run."""
        with self._reading() as catalog:
            indexed = catalog.state().root
        return roots_in(os.fsdecode(indexed)) if indexed else {}

    def recognise(self, library: Source | Path) -> None:
        """StoreError if this is the index of another library; one that is offline may be this."""
        library = source_of(library)
        if library.online():
            with self._reading() as catalog:
                recognise(self.index, catalog, library)

    def sample(self, folder: str, count: int) -> list[str]:
        """Paths of about `count` images below a folder, spread over it: of those that are not
        offline, if there are any."""
        with self._reading() as catalog:
            return sample_paths(catalog, folder, count)

    def snapshot(self) -> Snapshot:
        """The index as of the last commit; the same object as before if nothing has changed."""
        with self._reading() as catalog:
            for _ in range(_LOAD_TRIES):
                if self._snapshot is not None:
                    break
                try:
                    with catalog.transaction("DEFERRED"):
                        self._snapshot = load_snapshot(self.index, catalog)
                except FileNotFoundError as error:
                    missing = error.filename  # a writer has just switched: look again
            else:
                raise StoreError(f"{missing} is missing; repair it with: lookalike check --repair")
            return self._snapshot

    def pictures(self, snapshot: Snapshot) -> Pictures:
        """What tells whether two rows of a snapshot show the same picture."""
        with self._reading() as catalog:
            return load_pictures(catalog, snapshot.generation, snapshot.rows)

    def image(self, id: int) -> ImageRecord:
        """What the catalogue says of an image; NotFoundError if there is none with this id."""
        with self._reading() as catalog:
            image = catalog.image(id)
        if image is None:
            raise NotFoundError(f"there is no image {id} in the index")
        return image

    def image_at(self, path: str) -> ImageRecord | None:
        """The image at a path below the library root, None if the index knows of none."""
        with self._reading() as catalog:
            return catalog.image_at(path)

    def images(self, ids: Iterable[int]) -> list[ImageRecord]:
        """Those images in that order, missing ones left out."""
        wanted, found = list(ids), []
        for start in range(0, len(wanted), _IMAGES_AT_ONCE):
            with self._reading(long=len(wanted) > _IMAGES_AT_ONCE) as catalog:
                found += catalog.images_of(wanted[start : start + _IMAGES_AT_ONCE])
        return found

    def page(
        self,
        sort: str = "-date",
        filter: Filter = Filter(),  # noqa: B008 - immutable
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[ImageRecord]:
        """The `limit` images behind `cursor` in the order of `sort`, one of order.SORTS or the
        reverse of one, such as "-date". `cursor` is the `next` of the page before."""
        with self._reading() as catalog, catalog.transaction("DEFERRED"):
            items, behind = listing.page(catalog, sort, filter, cursor, limit)
            total = self._counted(filter, lambda: listing.count(catalog, filter))
            return Page(items, behind, total)

    def layout(
        self,
        sort: str = "-date",
        filter: Filter = Filter(),  # noqa: B008
        offset: int = 0,
        limit: int = LAYOUT_MAX,
    ) -> tuple[Layout, int]:
        """`limit` images of that listing after the first `offset`, in order, and how many there are
        in all."""
        with self._reading(long=True) as catalog, catalog.transaction("DEFERRED"):
            found = listing.layout(catalog, sort, filter, offset, limit)
            return found, self._counted(filter, lambda: listing.count(catalog, filter))

    def folders(self) -> list[tuple[str, int]]:
        """Every folder that holds images itself, and how many, by folder."""
        with self._reading() as catalog:
            return self._counted("folders", lambda: listing.folders(catalog))

    def facets(self) -> Facets:
        """What there is to filter by."""
        with self._reading() as catalog, catalog.transaction("DEFERRED"):
            return self._counted("facets", lambda: listing.facets(catalog))

    def rejected(self, cursor: str | None = None, limit: int = 100) -> Page[RejectedRecord]:
        """Rejected files by path."""
        with self._reading() as catalog, catalog.transaction("DEFERRED"):
            return listing.rejected(catalog, cursor, limit)

    def rejections(self, named_max: int = NAMED) -> list[Rejections]:
        """Rejected files by what they lack, the most frequent first; see `rejections`."""
        with self._reading() as catalog:
            key = "rejections", named_max
            return self._counted(key, lambda: rejections(catalog, named_max))

    def counts(self) -> Counts:
        """How many images, rejected files, and images out of reach at present."""
        with self._reading() as catalog:
            return self._counted("counts", lambda: listing.counts(catalog))

    def thumbnail(self, id: int) -> tuple[bytes, int]:
        """JPEG and CRC-32 of an image's thumbnail; StoreError if the bytes have rotted."""
        with self._reading() as catalog:
            for _ in range(_LOAD_TRIES):
                place = catalog.thumbnail(id)
                if place is None or not place.bytes:
                    raise NotFoundError(f"image {id} has no thumbnail in the index")
                try:
                    file = self._thumbs.of(place.generation)
                    break
                except FileNotFoundError as error:
                    missing = error.filename  # a writer has just switched: look again
            else:
                raise StoreError(f"{missing} is missing; repair it with: lookalike check --repair")
        try:
            data = read_thumbnail(file, place)
        except OSError as error:
            raise self._unreadable(error) from error
        if data is None:
            raise StoreError(
                f"the thumbnail of {self.image(id).path} in {self.index} is damaged; "
                "restore it with: lookalike check --repair, then lookalike index"
            )
        return data, place.crc

    @contextmanager
    def _reading(self, *, long: bool = False) -> Iterator[Catalog]:
        """The catalogue as it is now, for one thread at a time."""
        asked_ns = time.monotonic_ns()
        with self._mutex.held(long=long):
            try:
                # Threads queue here. A look that began after this one asked shows it all it may
                # see, whoever looked; a look each took half of a thumbnail's time.
                if self._catalog is None or self._looked_ns < asked_ns:
                    self._look()
                assert self._catalog is not None
                yield self._catalog
            except sqlite3.Error as error:
                self._disconnect()
                reason = obstacle_of(error) or f"{error}; for details: lookalike check"
                raise StoreError(
                    f"the catalogue of {self.index} can't be read: {reason}"
                ) from error
            except OSError as error:
                raise self._unreadable(error) from error
            # Text where a number belongs, a number that is out of range, a name that is not there:
            # a catalogue from elsewhere may hold anything, and not every query looks for it.
            except (TypeError, ValueError, ArithmeticError, LookupError, MemoryError) as error:
                raise StoreError(
                    f"the catalogue of {self.index} is damaged "
                    f"({type(error).__name__}: {error}); repair it with: lookalike check --repair"
                ) from error

    def _unreadable(self, error: OSError) -> StoreError:
        return StoreError(
            f"index folder {self.index} can't be read: {error.strerror}; "
            + (
                "change its owner, or choose another with --index"
                if isinstance(error, PermissionError)
                else "for details: lookalike check"
            )
        )

    def _look(self) -> None:
        """Notice a commit, or another catalogue where the open one was."""
        self._looked_ns = time.monotonic_ns()
        try:
            status = os.stat(self._catalog_path)
            file_id = (status.st_dev, status.st_ino)
        except FileNotFoundError:
            file_id = None
        if self._catalog is None or file_id != self._file_id or self._thawed():
            self._disconnect()
            self._signature = signature(self.index)
            self._catalog = connected(self.index) if file_id else Catalog.empty()
            self._file_id = file_id
        seen = (self._file_id, self._catalog.data_version())
        if seen != self._seen:
            self._seen, self._snapshot, self._counts = seen, None, {}
            self._version += 1

    def _thawed(self) -> bool:
        """Whether media that were read-only have been written: from another machine or mount."""
        frozen = self._catalog is not None and self._catalog.frozen
        return frozen and signature(self.index) != self._signature

    def _disconnect(self) -> None:
        self._snapshot = self._seen = None
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None
        self._thumbs = ThumbFile(self.index)

    def _counted(self, key: object, count: Callable[[], T]) -> T:
        """What `count` says, asked once for each key until the index changes."""
        if key not in self._counts:
            if len(self._counts) >= _COUNTS:
                self._counts.clear()
            self._counts[key] = count()
        found: T = self._counts[key]
        return found
