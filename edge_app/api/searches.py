"""Routes that search: similar, combined, uploaded, words, near-duplicates."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bottle
from bottle import request, response
from msgspec import UNSET

from edge_app.api.answers import asked, json_body
from edge_app.api.types import requests, shapes
from edge_app.api.types.form import read_form
from edge_app.api.types.params import box_of, filter_of
from edge_app.api.types.views import group_of, match_of, scale_of
from edge_app.errors import BusyError, UsageError
from edge_app.guard.metrics import Histogram
from edge_app.index.read.snapshot import Snapshot
from edge_app.photos.regions import WHOLE
from edge_app.search.alike.groups import Review, fine
from edge_app.search.gallery import Gallery, Query
from edge_app.search.scale import Scale
from edge_app.search.vectors.exact import K_MAX, Match

PAGE_GROUPS = 200  # groups of duplicates in one answer


def add_searches(app: bottle.Bottle, gallery: Gallery, searched: Histogram) -> None:
    """The routes of searches; `searched` is told how long each took."""
    searches = _Searches(gallery, searched)

    @app.get("/api/words")
    def words() -> shapes.Words:
        return shapes.Words(words=gallery.loaded.complete(asked(requests.WordsBegin).q))

    @app.get("/api/images/<id:id>/similar")
    def similar(id: int) -> shapes.Answer:
        return searches.similar(id, asked(requests.Similar))

    @app.post("/api/search")
    def search() -> shapes.Answer:
        if not request.content_type.startswith("multipart/form-data"):
            return searches.combined(json_body(requests.Combined))
        body = request.environ["wsgi.input"].getbuffer()  # to read it would be to copy it
        values, files = read_form(body, request.environ["CONTENT_TYPE"])
        wanted = requests.read(requests.Upload, values)
        if "image" not in files:
            raise UsageError("the form has no file field named image")
        return searches.uploaded(files["image"], wanted)


class _Searches:
    """From a question to the answer that a route gives."""

    def __init__(self, gallery: Gallery, searched: Histogram) -> None:
        self._gallery, self._searched = gallery, searched
        self._folding = threading.Lock()

    def similar(self, id: int, wanted: requests.Similar) -> shapes.Answer:
        """To an indexed image, or a region of it."""
        self._gallery.reader.image(id)  # an unknown id is 404 even before there is an index
        snapshot = self._gallery.searchable()
        box = box_of(wanted.box)
        query = self._gallery.query_of_id(snapshot, id, box or WHOLE)
        described = shapes.Asked(like=[id], unlike=[], box=list(box) if box else None)
        return self._answer(snapshot, query, described, wanted)

    def uploaded(self, image: memoryview, wanted: requests.Upload) -> shapes.Answer:
        """To the bytes of a file, or a region of it."""
        box = box_of(wanted.box)
        snapshot = self._gallery.searchable()
        vector, decoded = self._gallery.embed(snapshot, image, box or WHOLE)
        picture = shapes.UploadedImage(
            width=decoded.width_px, height=decoded.height_px, format=decoded.format
        )
        described = shapes.Asked(upload=picture, box=list(box) if box else None)
        return self._answer(snapshot, Query(vector), described, wanted)

    def combined(self, wanted: requests.Combined) -> shapes.Answer:
        """To several images, a text or a word, less what others or a text show."""
        if not wanted.like and wanted.word is None and wanted.text is None:
            raise UsageError("give at least one image or a text to search for")
        gallery, snapshot = self._gallery, self._gallery.searchable()
        likes = [] if wanted.word is None else [gallery.query_of_word(snapshot, wanted.word)]
        likes += self._of_text(snapshot, wanted.text)
        unlikes = self._of_text(snapshot, wanted.unlike_text)
        like, unlike = (list(dict.fromkeys(ids)) for ids in (wanted.like, wanted.unlike))
        likes += [gallery.query_of_id(snapshot, id) for id in like]
        unlikes += [gallery.query_of_id(snapshot, id) for id in unlike]
        described = shapes.Asked(
            like=like,
            unlike=unlike,
            weight=wanted.weight,
            word=wanted.word,
            text=UNSET if wanted.text is None else wanted.text,
            unlike_text=UNSET if wanted.unlike_text is None else wanted.unlike_text,
        )
        query = gallery.combined(likes, unlikes, wanted.weight)
        return self._answer(snapshot, query, described, wanted)

    def _of_text(self, snapshot: Snapshot, text: str | None) -> list[Query]:
        return [] if text is None else [self._gallery.query_of_text(snapshot, text)]

    def _answer(
        self, snapshot: Snapshot, query: Query, described: shapes.Asked, ranking: requests.Ranking
    ) -> shapes.Answer:
        began = time.perf_counter()
        with self._in_turn(ranking):
            (matches,) = self._gallery.similar(
                snapshot,
                [query],
                ranking.k,
                offset=ranking.offset,
                filter=filter_of(ranking),
                collapse=ranking.collapse,
                tiles=ranking.tiles,
            )
        self._searched.observe(time.perf_counter() - began)
        scale = self._gallery.scale(snapshot, query, tiles=ranking.tiles)
        items = self._items(matches, scale, ranking.collapse)
        return shapes.Answer(query=described, scale=scale_of(scale), items=items)

    def _items(
        self, matches: Sequence[Match], scale: Scale | None, collapse: bool
    ) -> list[shapes.Match]:
        # A match that was removed since the snapshot was taken is left out.
        images = {image.id: image for image in self._gallery.reader.images(m.id for m in matches)}
        return [
            match_of(images[match.id], match, scale, folded=collapse)
            for match in matches
            if match.id in images
        ]

    @contextmanager
    def _in_turn(self, ranking: requests.Ranking) -> Iterator[None]:
        """One answer at a time that folds a long ranking: 10,000 rows take 2.5 s and 200 MB."""
        if not (ranking.collapse and ranking.offset + ranking.k > K_MAX):
            yield
        elif self._folding.acquire(blocking=False):
            try:
                yield
            finally:
                self._folding.release()
        else:
            raise BusyError("another search folds as many matches; try again")


def add_duplicates(app: bottle.Bottle, gallery: Gallery, review: Review) -> None:
    """The routes of near-duplicates."""

    @app.get("/api/duplicates")
    def duplicates() -> shapes.Groups:
        wanted = asked(requests.Duplicates)
        everything, pending = review.groups(wanted.min_score)
        found = everything.of_kind(wanted.kind)
        end = wanted.cursor + PAGE_GROUPS
        shown = {
            group: gallery.reader.images(member.id for member in group.members)
            for group in found[wanted.cursor : end]
        }
        copies = [group for group in shown if group.kind != "alike"]
        keeps = dict(zip(copies, gallery.keeper.soon([shown[g] for g in copies]), strict=True))
        unfinished = pending or None in keeps.values()
        if unfinished:
            response.status = 202
        return shapes.Groups(
            groups=[group_of(group, images, keeps.get(group)) for group, images in shown.items()],
            next=str(end) if len(found) > end else None,
            total=len(found),
            min_score=fine(wanted.min_score),
            unpatterned=everything.unpatterned,
            pending=unfinished,
            progress=round(review.progress, 3) if pending else 1.0,
        )

    @app.post("/api/duplicates/dismiss")
    def dismiss() -> shapes.Dismissed:
        ids = list(dict.fromkeys(json_body(requests.Dismissal).ids))
        return shapes.Dismissed(dismissed=review.dismiss(ids))

    @app.post("/api/duplicates/restore")
    def restore() -> shapes.Restored:
        ids = list(dict.fromkeys(json_body(requests.Dismissal).ids))
        return shapes.Restored(restored=review.restore(ids))
