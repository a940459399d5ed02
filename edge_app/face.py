"""The Python face: one index, searched and kept up to date by a script (docs/python.md)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_app.config import Config, Limits
from edge_app.errors import StoreError, UsageError
from edge_app.facetypes import (
    DuplicateGroup,
    Hit,
    Library,
    Sides,
    Source,
    places_of,
    plain,
    seconds,
    several,
    texts,
    vector,
)
from edge_app.index.format.records import ImageRecord
from edge_app.index.read.export import FILES, export
from edge_app.index.read.filters import Filter
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.index.repair import check as checking
from edge_app.index.repair.report import CheckReport
from edge_app.indexing.plan import IndexReport, Progress
from edge_app.indexing.run import run_index
from edge_app.library.places import is_url
from edge_app.model.runtime import RUNTIMES
from edge_app.photos.regions import WHOLE, Box, box_of
from edge_app.search.alike.decided import Decided
from edge_app.search.alike.duplicates import Kind
from edge_app.search.alike.groups import DUPLICATE_SCORE, Review
from edge_app.search.gallery import Gallery, Query
from edge_app.search.scale import Scale

PAGE_IMAGES = 1000  # fetched at a time by `images`


class Index:
    """An index of a photo library; a context manager. Safe to use from several threads.

    index: its folder, made by the first `update`. library: the photo folder, or several by name,
    {"phone": "/srv/phone", "archive": "s3://bucket/photos"}; needed for `update`; else the folders
    that the index was made from. gallery_config: the file with the keys of URLs. model: the .tflite
    file, its card next to it. workers: decoding processes. threads, runtime, delegate: of
    inference, as the options of the command line. exclude: globs of files and folders that `update`
    skips. follow_links: also read folders that symbolic links lead to. limits: of decoding. Errors
    are those of `edge_app.errors`, all below EdgeAppError.
    """

    def __init__(
        self,
        index: str | os.PathLike[str],
        *,
        library: Library | None = None,
        gallery_config: str | os.PathLike[str] | None = None,
        model: str | os.PathLike[str] | None = None,
        workers: int | None = None,
        threads: int | None = None,
        runtime: str | None = None,
        delegate: str | None = None,
        tiles: bool = False,
        exclude: str | Iterable[str] = (),
        follow_links: bool = False,
        limits: Limits | None = None,
    ) -> None:
        if runtime is not None and runtime not in RUNTIMES:
            raise UsageError(f"runtime {runtime!r} is none of {', '.join(RUNTIMES)}")
        self._named = library is not None
        if library is None:
            with Reader(Path(index)) as reader:
                # An index from elsewhere may name any URL; whom we ask is its user's choice.
                library = {n: root for n, root in reader.roots().items() if not is_url(root)}
        default = Config()
        self._config = Config(
            index=Path(index),
            model=default.model if model is None else Path(model),
            workers=workers,
            threads=threads,
            runtime=runtime,
            delegate=delegate,
            tiles=tiles,
            exclude=(exclude,) if isinstance(exclude, str) else tuple(exclude),
            follow_links=follow_links,
            limits=limits or default.limits,
            gallery_config=None if gallery_config is None else Path(gallery_config),
            **places_of(library),
        )
        self._gallery: Gallery | None = Gallery(self._config)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index and the model; arrays that were returned stay usable."""
        if self._gallery is not None:
            self._gallery.close()
            self._gallery = None

    def __len__(self) -> int:
        """How many images the index has."""
        return self._open.reader.counts().images

    def update(
        self,
        *,
        prune: bool = False,
        retry: bool = False,
        on_progress: Callable[[Progress], object] = lambda progress: None,
    ) -> IndexReport:
        """Index what is new or changed in the library; what one run did.

        prune: remove images whose files are missing, even if most are. retry: try every
        rejected file again. LockedError if another process is writing the index.
        """
        self._check_open()
        if not self._named:
            raise UsageError("nothing to index: give the photo folder as library=")
        return run_index(self._config, prune=prune, retry=retry, on_progress=on_progress)

    def similar(
        self,
        like: Source | Sequence[Source] = (),
        *,
        unlike: Source | Sequence[Source] = (),
        text: str | Sequence[str] = (),
        unlike_text: str | Sequence[str] = (),
        word: str | None = None,
        weight: float | None = None,
        box: Sides | None = None,
        k: int = 20,
        offset: int = 0,
        collapse: bool = False,
        tiles: bool = False,
        folder: str | None = None,
        taken_from: date | None = None,
        taken_to: date | None = None,
        undated: bool = False,
        formats: Iterable[str] | None = None,
        orientation: str | None = None,
        min_score: float | None = None,
    ) -> list[Hit]:
        """The k best matches, best first: by exact cosine over every image.

        like, unlike: one or several of a file or a path of the index (text or Path), the bytes of a
        file, an id, a (dim,) vector. text, unlike_text: what photos show or don't,
        of a model with a text tower. word: one that the model knows. box: x, y, w, h of the region
        of `like` to search for, as fractions of the upright image. weight: how strongly `unlike`
        counts. taken_from, taken_to: dates, both inclusive. undated: only photos
        without a date. The images given are not in the result.
        """
        gallery = self._open
        snapshot = gallery.searchable()
        region = WHOLE if box is None else box_of(box, box)
        likes = [self._query(snapshot, source, region) for source in several(like)]
        likes += [gallery.query_of_text(snapshot, words) for words in texts(text)]
        if word is not None:
            likes.append(gallery.query_of_word(snapshot, word))
        unlikes = [self._query(snapshot, source) for source in several(unlike)]
        unlikes += [gallery.query_of_text(snapshot, words) for words in texts(unlike_text)]
        query = gallery.combined(likes, unlikes, weight)
        wanted = Filter(
            folder=folder,
            taken_from=seconds(taken_from),
            taken_to=seconds(taken_to, end=True),
            undated=undated,
            formats=None if formats is None else frozenset(map(str.upper, formats)),
            orientation=orientation,
            min_score=min_score,
        )
        (matches,) = gallery.similar(
            snapshot, [query], k, offset=offset, filter=wanted, collapse=collapse, tiles=tiles
        )
        scale = gallery.scale(snapshot, query, tiles=tiles)
        images = {image.id: image for image in gallery.reader.images(m.id for m in matches)}
        return [
            Hit(images[m.id], m.score, m.folded, scale.band(m.score) if scale else None)
            for m in matches
            if m.id in images
        ]

    def scale(self) -> Scale:
        """Where the bands of scores between photos begin, from random pairs of this index."""
        gallery = self._open
        return gallery.photo_scale(gallery.searchable())

    def embed(
        self, source: str | os.PathLike[str] | bytes, box: Sides | None = None
    ) -> NDArray[np.float32]:
        """(dim,) float32 unit vector of a photo, or of a region of it; indexed or not."""
        gallery = self._open
        region = WHOLE if box is None else box_of(box, box)
        return gallery.query_of_source(gallery.searchable(), plain(source), region).vector

    def vectors(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(n,) int64 ids and (n, dim) float32 unit rows, mapped from the disk and read-only.

        Row i is of image ids[i]. An id of 0 marks a row whose image is gone: leave it out.
        """
        snapshot = self._open.searchable()
        return snapshot.ids, snapshot.vectors

    def image(self, id: int) -> ImageRecord:
        """What is known of an image; NotFoundError if there is none with this id."""
        return self._open.reader.image(int(id))

    def images(self, sort: str = "-date", *, folder: str | None = None) -> Iterator[ImageRecord]:
        """Every image in an order: date, name or folder, each also with a "-" before it."""
        reader, cursor = self._open.reader, None
        while True:
            page = reader.page(sort, Filter(folder=folder), cursor, PAGE_IMAGES)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def duplicates(
        self, min_score: float | None = None, *, kind: Kind | None = None
    ) -> list[DuplicateGroup]:
        """Groups of near-duplicates over the whole index: "identical" files, copies that show the
        "same" picture, and different photos that are "alike" (score min_score). Without a kind each
        image is in one group; of each kind the largest first."""
        gallery = self._open
        gallery.searchable()
        score = DUPLICATE_SCORE if min_score is None else min_score
        groups = []
        for group in Review(gallery.reader).all_groups(score).of_kind(kind):
            members = {member.id: member.score for member in group.members}
            images = tuple(gallery.reader.images(members))
            scores = tuple(members[image.id] for image in images)
            keep = (None, None) if group.kind == "alike" else gallery.keeper.now(images)
            groups.append(DuplicateGroup(images, scores, group.kind, *keep))
        return groups

    def dismiss(self, ids: Iterable[int]) -> int:
        """Say that these images are not duplicates of one another; how many pairs are new."""
        return Review(self._open.reader).dismiss([int(id) for id in ids])

    def restore(self, ids: Iterable[int]) -> int:
        """Take back that they are not duplicates; how many pairs had been dismissed."""
        return Review(self._open.reader).restore([int(id) for id in ids])

    @property
    def decided(self) -> Decided:
        """What was decided about duplicates: `mark(ids)` to move images away, `unmark(ids)`, the
        `marked()`, and the `dismissed()` groups."""
        return Decided(self._open.reader)

    def export(self, folder: str | os.PathLike[str], format: str = "parquet") -> list[Path]:
        """Write ids, paths, dates and vectors into `folder`, as "parquet" (needs pyarrow) or "npy";
        the files made (`index.read.export` has their columns)."""
        gallery = self._open
        if format not in FILES:
            raise UsageError(f"format {format!r} is none of {', '.join(FILES)}")
        return export(gallery.reader, Path(folder), format, lambda done, total: None)

    def check(self, *, repair: bool = False) -> CheckReport:
        """Check every byte; with `repair` the next `update` restores what is damaged."""
        self._check_open()
        index = self._config.index
        return checking.repair(index) if repair else checking.check(index)

    def _check_open(self) -> None:
        """StoreError once the index was closed."""
        _ = self._open

    @property
    def _open(self) -> Gallery:
        if self._gallery is None:
            raise StoreError(f"the index {self._config.index} was closed")
        return self._gallery

    def _query(self, snapshot: Snapshot, source: Source, box: Box = WHOLE) -> Query:
        gallery = self._open
        if isinstance(source, np.ndarray):
            return Query(vector(source))
        if isinstance(source, int | np.integer):
            return gallery.query_of_id(snapshot, int(source), box)
        return gallery.query_of_source(snapshot, plain(source), box)
