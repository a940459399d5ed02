"""The routes of the HTTP API and of the page, put together; each kind has a module of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bottle
from bottle import HTTPResponse, request

from edge_app import VERSION
from edge_app.api import monitor
from edge_app.api.answers import answered, asked, refused_by_bottle, tagged
from edge_app.api.caching import cache_control, is_known
from edge_app.api.files import page
from edge_app.api.files.originals import Sent, Stripper, send_original
from edge_app.api.files.previews import Previews
from edge_app.api.files.streams import Stream
from edge_app.api.files.thumbs import Thumbnails
from edge_app.api.files.zips import Zip, members_of
from edge_app.api.marks import add_marks
from edge_app.api.searches import add_duplicates, add_searches
from edge_app.api.state import State, library_shape, state_of
from edge_app.api.types import requests, shapes, statusshapes
from edge_app.api.types.openapi import description
from edge_app.api.types.params import filter_of, ids_of
from edge_app.api.types.views import (
    facets_of,
    image_of,
    layout_of,
    rejected_of,
    rejections_of,
    text_of,
    version_of,
)
from edge_app.errors import NotFoundError
from edge_app.guard.metrics import Histogram
from edge_app.indexing.watch import Watcher
from edge_app.search.alike.groups import DUPLICATE_SCORE, Review
from edge_app.search.gallery import BOX_PX, QUERY_IMAGES, Gallery

if TYPE_CHECKING:  # machines bring asyncio and TLS, 5 MB
    from wsgiref.types import WSGIApplication

    from edge_app.cluster.machines import Machines


def make_app(
    gallery: Gallery, watcher: Watcher, review: Review, machines: Machines | None = None
) -> WSGIApplication:
    """The WSGI application: the page, the JSON API, thumbnails, originals, and figures.

    machines: those that search for the gallery, if there are any; they are only told of here."""
    return Thumbnails(make_routes(gallery, watcher, review, machines), gallery.thumbnails)


def make_routes(
    gallery: Gallery, watcher: Watcher, review: Review, machines: Machines | None = None
) -> bottle.Bottle:
    """All of it but the thumbnails, which are answered before."""
    app = bottle.Bottle()
    searched = Histogram(
        "lookalike_search_duration_seconds", "Time of a search of the index, without embedding."
    )
    app.router.add_filter("id", lambda _: ("[0-9]{1,18}", int, str))  # what SQLite can hold
    app.install(answered)
    app.default_error_handler = refused_by_bottle

    def state() -> State:
        return state_of(gallery.config, gallery.library, gallery.reader, watcher, machines)

    monitor.add_routes(app, gallery, state, searched)
    page.add_routes(app)
    _add_status(app, gallery, state)
    _add_listings(app, gallery)
    add_searches(app, gallery, searched)
    add_duplicates(app, gallery, review)
    add_marks(app, gallery.reader)
    _add_files(app, gallery, watcher)
    return app


def _add_status(app: bottle.Bottle, gallery: Gallery, state_now: Callable[[], State]) -> None:
    library = gallery.library

    @app.get("/api/status")
    def status() -> statusshapes.Status:
        state = state_now()
        index, model = state.index, state.model
        return statusshapes.Status(
            images=index.images,
            rejected=index.rejected,
            offline=index.offline,
            library=library_shape(library, gallery.config, state),
            sources=list(state.sources),
            machines=list(state.machines),
            indexing=state.indexing,
            model=model.answering,
            next_model=model.next,
            model_error=model.error,
            search=statusshapes.Search(kernel=state.kernel, tiles=index.tiles > 0),
            generation=index.generation,
            revision=index.revision,
            limits=statusshapes.PageLimits(
                query_images=QUERY_IMAGES,
                box_px=BOX_PX,
                duplicate_score=DUPLICATE_SCORE,
            ),
            passcode=gallery.config.passcode_file is not None,
            version=VERSION,
        )

    @app.get("/api/openapi.json")
    def openapi() -> dict[str, Any]:
        return description()


def _add_listings(app: bottle.Bottle, gallery: Gallery) -> None:
    reader = gallery.reader

    @app.get("/api/images")
    def images() -> shapes.Page:
        listing = asked(requests.Listing)
        wanted = ids_of(listing.ids, requests.PAGE_IMAGES_MAX)
        if wanted:
            items = [image_of(image) for image in reader.images(wanted)]
            return shapes.Page(items=items, next=None, total=len(items))
        page = reader.page(listing.sort, filter_of(listing), listing.cursor, listing.limit)
        items = [image_of(image) for image in page.items]
        return shapes.Page(items=items, next=page.next, total=page.total)

    @app.get("/api/layout")
    def layout() -> HTTPResponse:
        order = asked(requests.Order)
        found, total = reader.layout(order.sort, filter_of(order), order.offset, order.limit)
        return tagged(layout_of(found, total, by_date=order.sort in ("date", "-date")))

    @app.get("/api/folders")
    def folders() -> shapes.Folders:
        return shapes.Folders(
            folders=[
                shapes.Folder(folder=text_of(folder), images=count)
                for folder, count in reader.folders()
            ]
        )

    @app.get("/api/facets")
    def facets() -> shapes.Facets:
        return facets_of(reader.facets())

    @app.get("/api/rejected")
    def rejected() -> shapes.Rejected:
        paging = asked(requests.Paging)
        page = reader.rejected(paging.cursor, paging.limit)
        return shapes.Rejected(
            items=list(map(rejected_of, page.items)),
            next=page.next,
            total=page.total,
            groups=list(map(rejections_of, reader.rejections())),
        )

    @app.get("/api/images/<id:id>")
    def image(id: int) -> shapes.Image:
        return image_of(reader.image(id))


def _add_files(app: bottle.Bottle, gallery: Gallery, watcher: Watcher) -> None:
    config = gallery.config
    stripper = Stripper(config.limits.file_bytes) if config.strip_location else None

    previews = Previews(config)
    gallery.on_close(previews.close)

    @app.get("/previews/<id:id>")
    def preview(id: int) -> HTTPResponse:
        image = gallery.reader.image(id)
        tag = f'"{image.content.hex()}"'
        cached = cache_control(immutable=asked(requests.Version).v == version_of(image))
        headers = {"Content-Type": "image/jpeg", "ETag": tag, "Cache-Control": cached}
        if is_known(tag, request.environ):
            return HTTPResponse(status=304, headers=headers)
        return HTTPResponse(previews.of(image), headers=headers)

    @app.get("/api/zip")
    def zipped() -> HTTPResponse:
        ids = ids_of(asked(requests.Zipped).ids, QUERY_IMAGES)
        images = [gallery.reader.image(id) for id in ids]
        for image in images:
            watcher.check(image.path)
        members = members_of(images, gallery.library, stripper)
        here = all(gallery.library.is_here(image.path) for image in images)
        body = Zip(members, config.limits.zip_bytes)
        size_bytes = body.size_bytes
        headers = {
            "Content-Type": "application/zip",
            "Content-Disposition": 'attachment; filename="photos.zip"',
            "Content-Length": str(size_bytes),
            "Cache-Control": "no-store",
        }
        return HTTPResponse(body if here else Stream(body, 0, size_bytes), headers=headers)

    @app.get("/originals/<id:id>")
    def original(id: int) -> HTTPResponse:
        image = gallery.reader.image(id)
        wanted = asked(requests.Download)
        if wanted.raw > len(image.raws):
            raise NotFoundError(f"image {id} has {len(image.raws)} RAW files, not {wanted.raw}")
        path = image.files[wanted.raw]
        sent = Sent.raw(path) if wanted.raw else Sent.of(image)
        watcher.check(path)
        opened = gallery.library.open(path)
        return send_original(opened, sent, download=wanted.download, stripper=stripper)
