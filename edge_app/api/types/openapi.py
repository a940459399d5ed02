"""The OpenAPI description of the HTTP API that the server serves of itself.

Made from the types of requests.py and shapes.py, and from one table of routes that a test compares
with the router's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from edge_app import VERSION
from edge_app.api.types import requests, shapes, statusshapes

Schema = dict[str, Any]
TEMPLATE = "#/components/schemas/{name}"
REASONS = {
    200: "The answer",
    202: "What is known so far: ask again",
    206: "The part of the file that was asked for",
    304: "What the client has is still true",
    400: "A value that can't be used; the message names it and what would do",
    401: "A passcode is asked for",
    403: "A request that a page of another site may have sent, or a file that is not given away",
    404: "There is no such image, word or path",
    408: "The request took too long",
    412: "Another version than the one asked for",
    413: "Too large; the message names the limit",
    416: "No such part of the file",
    421: "This server is not known by that name",
    422: "Not an image that can be read",
    431: "The request's headers are too large",
    500: "A mistake of the server; its log says which",
    503: "Not now: busy, the library is offline, or no model or index can be read",
    505: "Not HTTP/1.1",
}
# What any request may meet before a route is asked.
ANYWHERE = (400, 408, 421, 431, 500, 503, 505)
BEHIND_PASSCODE = (401, 404)  # 404: outside --base-path
SENT = (403, 413)  # with a body
ID = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}


class Route(NamedTuple):
    """One route: what it is asked, and what it answers, as a shape or a media type."""

    method: str
    path: str
    summary: str
    answer: type[shapes.Shape] | str
    query: type[requests.Request] | None = None
    body: type[requests.Request] | None = None
    form: type[requests.Request] | None = None  # beside the file field `image`
    also: tuple[int, ...] = ()  # statuses of its own, beside those any route may answer


ROUTES = (
    Route("GET", "/healthz", "Health check; needs no passcode", statusshapes.Health),
    Route("GET", "/metrics", "Figures for Prometheus", "text/plain"),
    Route("GET", "/api/status", "State of the index and of indexing", statusshapes.Status),
    Route(
        "GET", "/api/images", "One page of the gallery, or the images of some ids", shapes.Page,
        requests.Listing,
    ),
    Route(
        "GET", "/api/layout", "Ids and aspect ratios of up to a million images", shapes.Layout,
        requests.Order, also=(304,),
    ),
    Route("GET", "/api/folders", "Every folder with images", shapes.Folders),
    Route("GET", "/api/facets", "Values to filter by", shapes.Facets),
    Route(
        "GET", "/api/rejected", "Files that can't be used, and why", shapes.Rejected,
        requests.Paging,
    ),
    Route("GET", "/api/images/{id}", "One image", shapes.Image),
    Route(
        "GET", "/api/images/{id}/similar", "The images most similar to one, or to a region of it",
        shapes.Answer, requests.Similar, also=(422,),
    ),
    Route(
        "POST", "/api/search", "Search by several images, by a text or by an uploaded image",
        shapes.Answer, body=requests.Combined, form=requests.Upload, also=(422,),
    ),
    Route(
        "GET", "/api/words", "Known words that start with a text", shapes.Words,
        requests.WordsBegin,
    ),
    Route(
        "GET", "/api/duplicates", "Groups of near-duplicates", shapes.Groups, requests.Duplicates,
        also=(202,),
    ),
    Route(
        "POST", "/api/duplicates/dismiss", "Mark images as not duplicates of one another",
        shapes.Dismissed, body=requests.Dismissal,
    ),
    Route(
        "GET", "/api/duplicates/dismissed", "Images that were marked as not duplicates",
        shapes.NoDuplicatesList,
    ),
    Route(
        "GET", "/api/zip", "Originals of up to 64 images as a zip", "application/zip",
        requests.Zipped, also=(404, 413),
    ),
    Route("GET", "/api/marks", "Images on the list of those to move away", shapes.MarkList),
    Route("GET", "/api/marks/paths", "Their paths, one a line", "text/plain"),
    Route("GET", "/api/marks/script", "A shell script that moves them away", "text/plain"),
    Route(
        "POST", "/api/marks", "Put images on that list", shapes.Marked, body=requests.Marks,
    ),
    Route(
        "POST", "/api/marks/clear", "Take images off that list", shapes.Unmarked,
        body=requests.Marks,
    ),
    Route(
        "POST", "/api/duplicates/restore", "Undo that: these images may be duplicates",
        shapes.Restored,
        body=requests.Dismissal,
    ),
    Route("GET", "/thumbs/{id}", "A thumbnail", "image/jpeg", requests.Version, also=(304,)),
    Route(
        "GET", "/previews/{id}", "The photo as a JPEG of at most 1,600 px", "image/jpeg",
        requests.Version, also=(304, 422),
    ),
    Route(
        "GET", "/originals/{id}", "The original file", "*/*", requests.Download,
        also=(206, 304, 403, 412, 413, 416),
    ),
)  # fmt: skip


def description() -> Schema:
    """An OpenAPI 3.1 document."""
    types = {part for route in ROUTES for part in _types(route)} | {shapes.Error}
    _, components = msgspec.json.schema_components(
        sorted(types, key=lambda kind: kind.__name__), ref_template=TEMPLATE
    )
    paths: dict[str, Schema] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lookalike", "version": VERSION},
        "paths": {path: _with_id(path, item) for path, item in paths.items()},
        "components": {"schemas": components},
    }


def _types(route: Route) -> Iterator[type]:
    for part in (route.answer, route.query, route.body, route.form):
        if isinstance(part, type):
            yield part


def _ref(kind: type) -> Schema:
    return {"$ref": TEMPLATE.format(name=kind.__name__)}


def _operation(route: Route, components: dict[str, Schema]) -> Schema:
    query = components[route.query.__name__] if route.query else {"properties": {}}
    parameters = [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in query["properties"].items()
    ]
    if route.method == "POST":
        parameters.append(
            {
                "name": "X-Lookalike",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "enum": ["1"]},
                "description": "Only pages of this server can make a browser send it",
            }
        )
    operation = {
        "summary": route.summary,
        "parameters": parameters,
        "responses": _responses(route),
    }
    if route.body:
        content: Schema = {"application/json": {"schema": _ref(route.body)}}
        if route.form:
            image = {
                "type": "object",
                "required": ["image"],
                "properties": {"image": {"type": "string", "format": "binary"}},
            }
            form = {"allOf": [_ref(route.form), image]}
            content["multipart/form-data"] = {"schema": form}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _responses(route: Route) -> Schema:
    statuses = {200, *ANYWHERE, *route.also}
    if route.path != "/healthz":
        statuses |= set(BEHIND_PASSCODE)
    if route.method == "POST":
        statuses |= set(SENT)
    return {str(status): _response(route, status) for status in sorted(statuses)}


def _response(route: Route, status: int) -> Schema:
    media, schema = "application/json", _ref(shapes.Error)
    if status == 304:
        return {"description": REASONS[status]}
    if status < 300:
        answer = route.answer
        media, schema = (
            (answer, {"type": "string"}) if isinstance(answer, str) else (media, _ref(answer))
        )
    return {"description": REASONS[status], "content": {media: {"schema": schema}}}


def _with_id(path: str, item: Schema) -> Schema:
    if "{id}" not in path:
        return item
    return item | {"parameters": [{"name": "id", "in": "path", "required": True, "schema": ID}]}
