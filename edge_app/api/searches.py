"""Routes that search: similar, combined, uploaded, duplicates."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import bottle
from bottle import request

from edge_app.api import params
from edge_app.api.answers import asked, json_object
from edge_app.api.form import read_form
from edge_app.api.views import (
    group_of,
    match_of,
)
from edge_app.errors import UsageError
from edge_app.guard.metrics import Histogram
from edge_app.index.read.snapshot import Snapshot
from edge_app.photos.regions import WHOLE
from edge_app.search.exact import Match
from edge_app.search.gallery import Gallery, Query
from edge_app.search.groups import Review


def add_searches(app: bottle.Bottle, gallery: Gallery, searched: Histogram) -> None:
    """The routes of searches; `searched` is told how long each took."""
    limits = gallery.config.limits

    def answer(
        snapshot: Snapshot, query: Query, described: dict[str, Any], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        k = params.integer(values, "k", limits.k, 1, limits.k_max)
        offset = params.integer(values, "offset", 0, 0, limits.ranking_max - k)
        collapse = params.flag(values, "collapse")
        began = time.perf_counter()
        (matches,) = gallery.similar(
            snapshot,
            [query],
            k,
            offset=offset,
            filter=params.filters(values),
            collapse=collapse,
            tiles=params.flag(values, "tiles"),
        )
        searched.observe(time.perf_counter() - began)
        return {"query": described, "items": items_of(matches, collapse)}

    def items_of(matches: Sequence[Match], collapse: bool) -> list[dict[str, Any]]:
        # A match that was removed since the snapshot was taken is left out.
        images = {image.id: image for image in gallery.reader.images(m.id for m in matches)}
        return [
            match_of(images[match.id], match, folded=collapse)
            for match in matches
            if match.id in images
        ]

    @app.get("/api/words")
    def words() -> dict[str, Any]:
        return {"words": gallery.words.complete(params.text(asked(), "q") or "")}

    @app.get("/api/images/<id:id>/similar")
    def similar(id: int) -> dict[str, Any]:
        gallery.reader.image(id)  # an unknown id is 404 even before there is an index
        snapshot = gallery.searchable()
        box = params.box(asked())
        query = gallery.query_of_id(snapshot, id, box or WHOLE)
        return answer(snapshot, query, {"like": [id], "unlike": [], "box": box}, asked())

    @app.post("/api/search")
    def combined() -> dict[str, Any]:
        if request.content_type.startswith("multipart/form-data"):
            return upload()
        values = json_object(limits)
        like = params.ids(values, "like", limits.query_images)
        unlike = params.ids(values, "unlike", limits.query_images)
        word = params.text(values, "word")
        if not like and word is None:
            raise UsageError("name at least one image to be like, or a word")
        weight = params.number(values, "weight", limits.unlike_weight)
        snapshot = gallery.searchable()
        words = [] if word is None else [gallery.query_of_word(snapshot, word)]
        query = gallery.combined(
            words + [gallery.query_of_id(snapshot, id) for id in like],
            [gallery.query_of_id(snapshot, id) for id in unlike],
            weight,
        )
        described = {"like": like, "unlike": unlike, "weight": weight, "word": word}
        return answer(snapshot, query, described, values)

    def upload() -> dict[str, Any]:
        body = memoryview(request.environ["wsgi.input"].read())
        values, files = read_form(body, request.environ["CONTENT_TYPE"], limits)
        if "image" not in files:
            raise UsageError("the form has no file field named image")
        box = params.box(values)
        snapshot = gallery.searchable()
        vector, decoded = gallery.embed(snapshot, files["image"], box or WHOLE)
        described = {
            "upload": {
                "width": decoded.width_px,
                "height": decoded.height_px,
                "format": decoded.format,
            },
            "box": box,
        }
        return answer(snapshot, Query(vector), described, values)


def add_duplicates(app: bottle.Bottle, gallery: Gallery, review: Review) -> None:
    """The routes of near-duplicates."""
    limits = gallery.config.limits

    @app.get("/api/duplicates")
    def duplicates() -> dict[str, Any]:
        least = params.number(asked(), "min_score", limits.duplicate_score)
        assert least is not None
        start = params.integer(asked(), "cursor", 0, 0, 2**31)
        found, pending = review.groups(least)
        end = start + limits.page_groups
        return {
            "groups": [
                group_of(group, gallery.reader.images(member.id for member in group.members))
                for group in found[start:end]
            ],
            "next": str(end) if len(found) > end else None,
            "total": len(found),
            "min_score": least,
            "pending": pending,
            "progress": round(review.progress, 3) if pending else 1.0,
        }

    @app.post("/api/duplicates/dismiss")
    def dismiss() -> dict[str, Any]:
        ids = params.ids(json_object(limits), "ids", limits.dismiss_images)
        return {"dismissed": review.dismiss(ids)}
