"""Routes of what a person decided about duplicates: the list of those to move away, and what are
none. Nothing here moves or deletes an original."""

from __future__ import annotations

import os

import bottle
from bottle import HTTPResponse

from edge_app.api.answers import json_body
from edge_app.api.types import requests, shapes
from edge_app.api.types.views import image_of
from edge_app.index.read.reader import Reader
from edge_app.search.alike.decided import Decided, script_of_moves


def add_marks(app: bottle.Bottle, reader: Reader) -> None:
    """The list, as JSON, paths and script; and the dismissed groups."""
    decided = Decided(reader)

    @app.get("/api/marks")
    def marks() -> shapes.MarkList:
        images = decided.marked()
        return shapes.MarkList(
            items=list(map(image_of, images)),
            total=len(images),
            bytes=sum(image.size_bytes for image in images),
        )

    @app.get("/api/marks/paths")
    def paths() -> HTTPResponse:
        return _file(b"".join(os.fsencode(i.path) + b"\n" for i in decided.marked()), "marked.txt")

    @app.get("/api/marks/script")
    def script() -> HTTPResponse:
        files = (file for image in decided.marked() for file in image.files)
        return _file(b"".join(script_of_moves(files)), "move-marked.sh")

    @app.post("/api/marks")
    def mark() -> shapes.Marked:
        return shapes.Marked(marked=decided.mark(json_body(requests.Marks).ids))

    @app.post("/api/marks/clear")
    def unmark() -> shapes.Unmarked:
        return shapes.Unmarked(unmarked=decided.unmark(json_body(requests.Marks).ids))

    @app.get("/api/duplicates/dismissed")
    def dismissed() -> shapes.NoDuplicatesList:
        return shapes.NoDuplicatesList(
            groups=[
                shapes.NoDuplicates(images=list(map(image_of, images)))
                for images in decided.dismissed()
            ]
        )


def _file(body: bytes, name: str) -> HTTPResponse:
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return HTTPResponse(body, headers=headers)
