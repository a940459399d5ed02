"""Bottle routes and their JSON; what they answer is decided by the modules to the left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bottle
from bottle import HTTPResponse

from edge_app import VERSION
from edge_app.api import monitor, page, params
from edge_app.api.answers import answer_errors, asked, bottle_error, tagged_json
from edge_app.api.openapi import description
from edge_app.api.originals import Stripper, send_original
from edge_app.api.searches import add_duplicates, add_searches
from edge_app.api.thumbs import Thumbnails
from edge_app.api.views import (
    facets_of,
    image_of,
    layout_of,
    rejected_of,
    rejections_of,
    text_of,
)
from edge_app.guard.metrics import Histogram
from edge_app.indexing.watch import Watcher
from edge_app.library.originals import open_original
from edge_app.model.describe import model_state
from edge_app.search.gallery import Gallery
from edge_app.search.groups import Review
from edge_app.search.products import kernel

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def make_app(gallery: Gallery, watcher: Watcher, review: Review) -> WSGIApplication:
    """The WSGI application: the page, the JSON API, thumbnails, originals, and figures."""
    app = bottle.Bottle()
    searched = Histogram(
        "lookalike_search_duration_seconds", "Searches of the index, embedding not included."
    )
    app.router.add_filter("id", lambda _: ("[0-9]{1,18}", int, str))  # what SQLite can hold
    app.install(answer_errors)
    app.default_error_handler = bottle_error
    monitor.add_routes(app, gallery, watcher, searched)
    page.add_routes(app)
    _add_status(app, gallery, watcher)
    _add_listings(app, gallery)
    add_searches(app, gallery, searched)
    add_duplicates(app, gallery, review)
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
            "search": {"kernel": kernel(), "tiles": snapshot.tiles is not None},
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
        return params.integer(asked(), "limit", limits.page_images, 1, limits.page_images_max)

    @app.get("/api/images")
    def images() -> dict[str, Any]:
        wanted = params.ids(asked(), "ids", limits.page_images_max)
        if wanted:
            items = [image_of(image) for image in reader.images(wanted)]
            return {"items": items, "next": None, "total": len(items)}
        page = reader.page(
            params.text(asked(), "sort") or "-date",
            params.filters(asked()),
            params.text(asked(), "cursor"),
            page_size(),
        )
        items = [image_of(image) for image in page.items]
        return {"items": items, "next": page.next, "total": page.total}

    @app.get("/api/layout")
    def layout() -> HTTPResponse:
        sort = params.text(asked(), "sort") or "-date"
        found = reader.layout(sort, params.filters(asked()))
        return tagged_json(layout_of(found, by_date=sort in ("date", "-date")))

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
        page = reader.rejected(params.text(asked(), "cursor"), page_size())
        items = [rejected_of(file) for file in page.items]
        groups = [rejections_of(group) for group in reader.rejections()]
        return {"items": items, "next": page.next, "total": page.total, "groups": groups}

    @app.get("/api/images/<id:id>")
    def image(id: int) -> dict[str, Any]:
        return image_of(reader.image(id))


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
            download=params.flag(asked(), "download"),
            stripper=stripper,
        )
