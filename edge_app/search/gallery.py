"""One open index and all it takes to turn a question into a query vector, for the command line and
the web server."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_app.config import Config
from edge_app.errors import (
    DecodeError,
    LimitError,
    ModelError,
    NoIndexError,
    NotFoundError,
    OldIndexError,
    StoreError,
    UsageError,
    printable,
)
from edge_app.index.format.records import ImageRecord
from edge_app.index.read.filters import Filter
from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.index.write.upgrade import bring_up_to_date
from edge_app.library import places
from edge_app.library.source import InFolder
from edge_app.library.sources import library_of
from edge_app.model.card import ModelCard, ModelIdentity, comparable
from edge_app.model.embed import pixels_of
from edge_app.photos.children.decode import Decoded
from edge_app.photos.reading.lacks import check_size
from edge_app.photos.regions import WHOLE, Box
from edge_app.search.alike.keeper import Keeper
from edge_app.search.loaded import Loaded
from edge_app.search.scale import Scale, Scales
from edge_app.search.textscale import TextScale
from edge_app.search.vectors import exact as search
from edge_app.search.vectors.exact import Match
from edge_app.search.vectors.peaks import Floats
from edge_app.search.vectors.ranking import Rank, rank_here, refuse_longer
from edge_app.search.vectors.sharedpass import SharedRank

COLLAPSE_SCORE = 0.95  # a match this close to a better one is folded under it
QUERY_IMAGES = 64  # photos in one combined query, like and unlike together
UNLIKE_WEIGHT = 0.5  # how strongly "less like these" counts
BOX_PX = 16  # a region's shorter side, in pixels of the original


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for, and which images are not an answer because they are the question."""

    vector: Floats  # (dim,) float32, unit
    exclude: frozenset[int] = frozenset()
    # Of the mean of photos that the vector is, before it was made a unit: 1 of one photo, None of
    # what is no mean of photos, whose scores can't be compared with those between photos.
    length: float | None = 1.0
    is_text: bool = False  # one text and nothing else, whose scores have bands of their own


class Gallery:
    """A library root and its index, open for reading; the model and a decoding child are loaded by
    the first query that needs them. Safe to use from several threads."""

    def __init__(self, config: Config, rank: Rank | None = None) -> None:
        """`rank` finds the best rows in this process's place, such as `cluster.searching` does."""
        self.config = config
        self._rank = SharedRank(rank or rank_here)
        self.library = library_of(config)
        self._closing = ExitStack()
        self.reader = Reader(config.index)
        try:
            self.reader.version()
        except OldIndexError:
            bring_up_to_date(config.index)
        except StoreError:
            pass  # told to whoever asks for something
        self.thumbnails = Reader(config.index)  # of their own: the other may be held by a listing
        self._scales = Scales(self.reader)
        self.keeper = Keeper(self.library, config.limits)
        self._text_scale = TextScale()
        self.loaded = Loaded(config)

    def on_close(self, call: Callable[[], object]) -> None:
        """Have it called when the gallery is closed."""
        self._closing.callback(call)

    def close(self) -> None:
        """Stop the decoding child, close the index, and what was opened beside it."""
        self._closing.close()
        self.loaded.close()
        self.keeper.close()
        self.reader.close()
        self.thumbnails.close()

    @property
    def online(self) -> bool:
        """Whether the library root can be reached."""
        return self.library.online()

    def notes(self) -> list[str]:
        """What to tell the user who starts serving this index here, a line each."""
        identity = self.reader.snapshot().identity
        try:
            card = ModelCard.load(self.config.model)
        except ModelError:
            return []  # reported where the model is needed
        if identity is None or identity.sha256 == card.sha256:
            return []
        return [
            f"The index {self.config.index} was built with another model "
            f"({printable(identity.name)}) than {self.config.model}. It answers searches until "
            "every photo is indexed again with the new model. To keep it, choose its model "
            "with --model."
        ]

    def searchable(self) -> Snapshot:
        """The present snapshot; NoIndexError if there is nothing to search yet."""
        snapshot = self.reader.snapshot()
        if snapshot.identity is None:
            raise NoIndexError(self.config.index, shlex.join(places.arguments(self.config)))
        return snapshot

    def similar(
        self,
        snapshot: Snapshot,
        queries: Sequence[Query],
        k: int,
        *,
        offset: int = 0,
        filter: Filter | None = None,
        collapse: bool = False,
        tiles: bool = False,
    ) -> Sequence[list[Match]]:
        """The k best matches of each query; see `exact.similar_many`."""
        return search.similar_many(
            snapshot,
            np.array([query.vector for query in queries], np.float32),
            k,
            offset=offset,
            filter=filter,
            exclude=[query.exclude for query in queries],
            collapse=COLLAPSE_SCORE if collapse else None,
            tiles=tiles and snapshot.tiles is not None,
            rank=self._rank,
        )

    def scale(self, snapshot: Snapshot, query: Query, *, tiles: bool = False) -> Scale | None:
        """How the scores of a query's matches read; None for words, unlike photos and tiles, which
        have other scores than photos have with one another."""
        if query.is_text and not tiles:
            return self._text_scale.of(snapshot, self.loaded.text)
        if query.length is None or tiles:
            return None
        scale = self.photo_scale(snapshot)
        return scale if query.length == 1 else scale.stretched(query.length)

    def photo_scale(self, snapshot: Snapshot) -> Scale:
        """How scores between photos read; made when it is first asked for, and kept."""
        return self._scales.of(snapshot)

    def query_of_id(self, snapshot: Snapshot, id: int, box: Box = WHOLE) -> Query:
        """An indexed image, or a region of it, which is embedded from the original."""
        if box == WHOLE:
            vector = snapshot.read_rows(np.array([snapshot.row_of(id)]))[0]
            refuse_longer(np.array([vector @ vector]), [id])
        else:
            image = self.reader.image(id)
            check_size(image.size_bytes, self.config.limits)
            file = self.library.to_decode(image.path, image.size_bytes)
            vector, _ = self.embed(snapshot, file, box)
        return Query(vector, frozenset({id}))

    def query_of_source(self, snapshot: Snapshot, source: str | bytes, box: Box = WHOLE) -> Query:
        """The bytes of a file, or what `query_of_name` takes."""
        if isinstance(source, bytes):
            return Query(self.embed(snapshot, source, box)[0])
        return self.query_of_name(snapshot, source, box)

    def query_of_name(self, snapshot: Snapshot, name: str, box: Box = WHOLE) -> Query:
        """An image file anywhere, or a path of the index, as the command line names it."""
        file = Path(name)
        inside = self.library.path_of(file)
        indexed = None if inside is None else self.reader.image_at(inside)
        if indexed and box == WHOLE and _is_unchanged(file, indexed):
            return self.query_of_id(snapshot, indexed.id)
        if os.path.isfile(file):
            try:
                vector, _ = self.embed(snapshot, self._bytes_of(file), box)
            except DecodeError as error:
                raise DecodeError(f"{name}: {error}") from None
            return Query(vector, frozenset({indexed.id} if indexed else ()))
        named = self.reader.image_at(name)
        if named is None:
            raise NotFoundError(f"{name} is neither a file nor the path of an indexed image")
        return self.query_of_id(snapshot, named.id, box)

    def query_of_word(self, snapshot: Snapshot, word: str) -> Query:
        """A word that the model knows, found in any photo."""
        words = self.loaded.words
        # The runtime makes no difference to words.
        runtime = snapshot.identity.runtime if snapshot.identity else "any"
        self._check_model(snapshot, words.card.identity(runtime))
        return Query(words.vector(word), length=None)

    def query_of_text(self, snapshot: Snapshot, text: str) -> Query:
        """What a text says, found in any photo; of a model without a text tower a word it knows."""
        card = ModelCard.load(self.config.model)
        if card.text is None and card.labels is not None:
            return self.query_of_word(snapshot, text)
        # The text tower is not what the index was made with, so its runtime makes no difference.
        runtime = snapshot.identity.runtime if snapshot.identity else "any"
        tower = self.loaded.text
        self._check_model(snapshot, tower.card.identity(runtime))
        return Query(tower.vector(text), length=None, is_text=True)

    def combined(
        self, likes: Sequence[Query], unlikes: Sequence[Query], weight: float | None = None
    ) -> Query:
        """More like these, less like those; see `exact.combine`."""
        if len(likes) + len(unlikes) > QUERY_IMAGES:
            raise UsageError(
                f"{len(likes) + len(unlikes)} images in one query, over the limit of {QUERY_IMAGES}"
            )
        if len(likes) == 1 and not unlikes:
            return likes[0]
        vector = search.combine(
            _stack(likes), _stack(unlikes), UNLIKE_WEIGHT if weight is None else weight
        )
        exclude = frozenset[int]().union(*(q.exclude for q in (*likes, *unlikes)))
        is_mean = not unlikes and all(query.length == 1 for query in likes)
        mean = _stack(likes).mean(axis=0, dtype=np.float64)
        return Query(vector, exclude, math.sqrt(mean @ mean) if is_mean else None)

    def embed(
        self, snapshot: Snapshot, source: InFolder | bytes | memoryview, box: Box = WHOLE
    ) -> tuple[Floats, Decoded]:
        """(dim,) float32 unit vector of a file's bytes, or of one that the decoder opens, and
        what decoding told of it."""
        embedder = self.loaded.embedder
        self._check_model(snapshot, embedder.identity)
        decoded = self.loaded.pool.decode(source, (box,))
        self._check_box(box, decoded)
        pixels = pixels_of(decoded.views, embedder.card.input_size_px)
        return embedder.embed(pixels)[0], decoded

    def _check_model(self, snapshot: Snapshot, identity: ModelIdentity) -> None:
        if snapshot.identity is None or not comparable(snapshot.identity, identity):
            built_with = snapshot.identity.name if snapshot.identity else "no model"
            raise ModelError(
                f"the index {self.config.index} was built with the model {built_with}, "
                f"not with {self.config.model}; build it again with `lookalike index`, or "
                "choose its model with --model"
            )

    def _check_box(self, box: Box, decoded: Decoded) -> None:
        width_px, height_px = box.w * decoded.width_px, box.h * decoded.height_px
        if box != WHOLE and min(width_px, height_px) < BOX_PX:
            raise UsageError(
                f"the box covers {width_px:.0f} × {height_px:.0f} pixels of the image; "
                f"each side needs at least {BOX_PX}"
            )

    def _bytes_of(self, file: Path) -> bytes:
        limit = self.config.limits.file_bytes
        size = file.stat().st_size
        if size > limit:
            raise LimitError(f"{file} has {size} bytes, over the limit of {limit} (--file-size)")
        return file.read_bytes()


def _is_unchanged(file: Path, image: ImageRecord) -> bool:
    try:
        stat = file.lstat()
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (image.size_bytes, image.mtime_ns)


def _stack(queries: Iterable[Query]) -> Floats:
    """(n, dim) float32; (0, 0) for no query."""
    vectors: Collection[Floats] = [query.vector for query in queries]
    return np.array(list(vectors), np.float32) if vectors else np.zeros((0, 0), np.float32)
