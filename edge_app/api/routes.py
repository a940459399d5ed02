"""Bottle routes and their JSON; what they answer is decided by the modules to the left."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import bottle
from bottle import HTTPResponse, request, response

from edge_app import VERSION
from edge_app.api import monitor, page, params
from edge_app.api.form import read_form
from edge_app.api.openapi import description
from edge_app.api.originals import Stripper, is_known, send_original
from edge_app.api.thumbs import Thumbnails
from edge_app.api.views import (
    facets_of,
    group_of,
    image_of,
    layout_of,
    match_of,
    rejected_of,
    text_of,
)
from edge_app.config import Limits
from edge_app.errors import EdgeAppError, LimitError, UsageError
from edge_app.index.read.snapshot import Snapshot
from edge_app.indexing.watch import Watcher
from edge_app.library.originals import open_original
from edge_app.model.state import model_state
from edge_app.photos.decode import WHOLE
from edge_app.search.exact import Match
from edge_app.search.gallery import Gallery, Query
from edge_app.search.groups import Review

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)


def make_app(gallery: Gallery, watcher: Watcher, review: Review) -> WSGIApplication:
    """The WSGI application: the page, the JSON API, thumbnails, originals, and figures."""
    app = bottle.Bottle()
    app.router.add_filter("id", lambda _: ("[0-9]{1,18}", int, str))  # what SQLite can hold
    app.install(_answer_errors)
    app.default_error_handler = _bottle_error
    monitor.add_routes(app, gallery, watcher)
    page.add_routes(app)
    _add_status(app, gallery, watcher)
    _add_listings(app, gallery)
    _add_searches(app, gallery)
    _add_duplicates(app, gallery, review)
    _add_files(app, gallery)
    return Thumbnails(app, gallery.thumbnails)


def _add_status(app: bottle.Bottle, gallery: Gallery, watcher: Watcher) -> None:
    @app.get("/api/status")
    def status() -> dict[str, Any]:
        snapshot = gallery.reader.snapshot()
        counts = gallery.reader.counts()
        root = gallery.config.gallery
        return {
            "images": counts.images,
            "rejected": counts.rejected,
            "offline": counts.offline,
            "library": {
                "name": root.resolve().name,
                "online": gallery.online,
                "message": None if gallery.online else f"the library {root.name} is offline",
            },
            "indexing": watcher.status.as_json(),
            **model_state(gallery.config, snapshot.identity),
            "search": {"way": gallery.way(snapshot), "tiles": snapshot.tiles is not None},
            "generation": snapshot.generation,
            "version": VERSION,
        }

    @app.get("/api/openapi.json")
    def openapi() -> dict[str, Any]:
        return description(gallery.config.limits)


def _add_listings(app: bottle.Bottle, gallery: Gallery) -> None:
    limits = gallery.config.limits
    reader = gallery.reader

    def page_size() -> int:
        return params.integer(_asked(), "limit", limits.page_images, 1, limits.page_images_max)

    @app.get("/api/images")
    def images() -> dict[str, Any]:
        wanted = params.ids(_asked(), "ids", limits.page_images_max)
        if wanted:
            items = [image_of(image) for image in reader.images(wanted)]
            return {"items": items, "next": None, "total": len(items)}
        page = reader.page(
            params.text(_asked(), "sort") or "-date",
            params.filters(_asked()),
            params.text(_asked(), "cursor"),
            page_size(),
        )
        items = [image_of(image) for image in page.items]
        return {"items": items, "next": page.next, "total": page.total}

    @app.get("/api/layout")
    def layout() -> HTTPResponse:
        sort = params.text(_asked(), "sort") or "-date"
        found = reader.layout(sort, params.filters(_asked()))
        return _tagged_json(layout_of(found, by_date=sort in ("date", "-date")))

    @app.get("/api/folders")
    def folders() -> dict[str, Any]:
        return {
            "folders": [
                {"folder": text_of(folder), "images": count} for folder, count in reader.folders()
            ]
        }

    @app.get("/api/facets")
    def facets() -> dict[str, Any]:
        return facets_of(reader.facets())

    @app.get("/api/rejected")
    def rejected() -> dict[str, Any]:
        page = reader.rejected(params.text(_asked(), "cursor"), page_size())
        items = [rejected_of(file) for file in page.items]
        return {"items": items, "next": page.next, "total": page.total}

    @app.get("/api/images/<id:id>")
    def image(id: int) -> dict[str, Any]:
        return image_of(reader.image(id))


def _add_searches(app: bottle.Bottle, gallery: Gallery) -> None:
    limits = gallery.config.limits

    def answer(
        snapshot: Snapshot, query: Query, described: dict[str, Any], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        k = params.integer(values, "k", limits.k, 1, limits.k_max)
        offset = params.integer(values, "offset", 0, 0, limits.ranking_max - k)
        collapse = params.flag(values, "collapse")
        (matches,) = gallery.similar(
            snapshot,
            [query],
            k,
            offset=offset,
            filter=params.filters(values),
            collapse=collapse,
            tiles=params.flag(values, "tiles"),
        )
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
        return {"words": gallery.words.complete(params.text(_asked(), "q") or "")}

    @app.get("/api/images/<id:id>/similar")
    def similar(id: int) -> dict[str, Any]:
        gallery.reader.image(id)  # an unknown id is 404 even before there is an index
        snapshot = gallery.searchable()
        box = params.box(_asked())
        query = gallery.query_of_id(snapshot, id, box or WHOLE)
        return answer(snapshot, query, {"like": [id], "unlike": [], "box": box}, _asked())

    @app.post("/api/search")
    def combined() -> dict[str, Any]:
        if request.content_type.startswith("multipart/form-data"):
            return upload()
        values = _json_object(limits)
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


def _add_duplicates(app: bottle.Bottle, gallery: Gallery, review: Review) -> None:
    limits = gallery.config.limits

    @app.get("/api/duplicates")
    def duplicates() -> dict[str, Any]:
        least = params.number(_asked(), "min_score", limits.duplicate_score)
        assert least is not None
        start = params.integer(_asked(), "cursor", 0, 0, 2**31)
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
        ids = params.ids(_json_object(limits), "ids", limits.dismiss_images)
        return {"dismissed": review.dismiss(ids)}


def _add_files(app: bottle.Bottle, gallery: Gallery) -> None:
    config = gallery.config
    stripper = Stripper(config.limits) if config.strip_location else None

    @app.get("/originals/<id:id>")
    def original(id: int) -> HTTPResponse:
        image = gallery.reader.image(id)
        file = open_original(config.gallery, image.path)
        return send_original(
            file,
            image,
            download=params.flag(_asked(), "download"),
            stripper=stripper,
        )


def _asked() -> Mapping[str, str]:
    """The values of the query string; Bottle leaves their UTF-8 undecoded."""
    try:
        values: Mapping[str, str] = request.query.decode()
    except UnicodeDecodeError:
        raise UsageError("the query string is not UTF-8") from None
    return values


def _json_object(limits: Limits) -> dict[str, Any]:
    # Not Bottle's `request.body`, which keeps larger ones in temporary files.
    body = request.environ["wsgi.input"].read(limits.body_bytes + 1)
    if len(body) > limits.body_bytes:  # it came as a form, which may be larger
        raise LimitError(f"the body is over the limit of {limits.body_bytes} bytes (body_bytes)")
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError("the body is neither a JSON object nor multipart/form-data")
    return values


def _tagged_json(content: Any) -> HTTPResponse:
    """JSON that a browser may keep, asking each time whether it still holds."""
    body = json.dumps(content, separators=(",", ":")).encode()
    tag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
    headers = {"Content-Type": "application/json", "ETag": tag, "Cache-Control": "no-cache"}
    if is_known(tag, request.environ):
        return HTTPResponse(status=304, headers=headers)
    return HTTPResponse(body, headers=headers)


def _answer_errors(route: Callable[..., Any]) -> Callable[..., Any]:
    """Bottle plugin: errors on purpose become their JSON, others are logged and become 500."""

    @functools.wraps(route)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return route(*args, **kwargs)
        except EdgeAppError as error:
            return _error(error.status, error.code, str(error))
        except bottle.HTTPResponse:
            raise
        except Exception:
            log.exception("%s %s", request.method, request.path)
            return _error(500, "failed", "the server made a mistake; its log says which")

    return wrapped


def _error(status: int, code: str, message: str) -> HTTPResponse:
    body = json.dumps({"error": {"code": code, "message": message}})
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = "1"
    return HTTPResponse(body, status, headers)


CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def _bottle_error(error: bottle.HTTPError) -> str:
    """What Bottle itself refuses, in the API's shape."""
    status = error.status_code
    response.content_type = "application/json"
    code = CODES.get(status, "bad_request" if status < 500 else "failed")
    return json.dumps({"error": {"code": code, "message": str(error.body)}})
