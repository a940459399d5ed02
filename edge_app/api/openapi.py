"""The OpenAPI description of the HTTP API that the server serves of itself."""

from __future__ import annotations

from typing import Any

from edge_app import VERSION
from edge_app.config import Limits
from edge_app.index.format.records import ORIENTATIONS
from edge_app.index.read.listing import SORTS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
ID: Schema = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
IDS: Schema = {"type": "array", "items": ID}
FLAG: Schema = {"type": "string", "enum": ["0", "1"]}
SCORE: Schema = {"type": "number", "minimum": -1, "maximum": 1}
DATE: Schema = {"type": "string", "format": "date"}
BOX: Schema = {
    "type": "string",
    "description": "x,y,w,h as fractions of the upright image",
    "pattern": r"^[0-9.]+,[0-9.]+,[0-9.]+,[0-9.]+$",
}


def description(limits: Limits) -> Schema:
    """An OpenAPI 3.1 document; limits that bound a parameter are in it."""
    k = {"type": "integer", "minimum": 1, "maximum": limits.k_max, "default": limits.k}
    limit = {
        "type": "integer",
        "minimum": 1,
        "maximum": limits.page_images_max,
        "default": limits.page_images,
    }
    sort = {"type": "string", "enum": [sign + name for name in SORTS for sign in ("", "-")]}
    filters = {
        "folder": TEXT,
        "from": DATE,
        "to": DATE,
        "format": TEXT,
        "orientation": {"type": "string", "enum": list(ORIENTATIONS)},
    }
    ranking = {
        "k": k,
        "offset": COUNT,
        "min_score": SCORE,
        "collapse": FLAG,
        "tiles": FLAG,
        **filters,
    }
    search_body = {
        "required": True,
        "content": {
            "application/json": {
                "schema": _object(
                    {"like": IDS, "unlike": IDS, "word": TEXT, "weight": NUMBER, **ranking}, []
                )
            },
            "multipart/form-data": {
                "schema": _object(
                    {"image": {"type": "string", "format": "binary"}, "box": BOX, **ranking},
                    ["image"],
                )
            },
        },
    }
    dismissal = {
        "required": True,
        "content": {"application/json": {"schema": _object({"ids": IDS}, ["ids"])}},
    }
    paths = {
        "/healthz": _get("Whether the server is well; needs no passcode", "Health"),
        "/metrics": _get("Figures for Prometheus", "text/plain"),
        "/api/status": _get("What is indexed, what is going on", "Status"),
        "/api/images": _get(
            "One page of the gallery, or the images of some ids",
            "Page",
            {"cursor": TEXT, "limit": limit, "sort": sort, "ids": TEXT, **filters},
        ),
        "/api/layout": _get(
            "Ids and proportions of the whole gallery", "Layout", {"sort": sort, **filters}
        ),
        "/api/folders": _get("Every folder with images", "Folders"),
        "/api/facets": _get("What there is to filter by", "Facets"),
        "/api/rejected": _get(
            "Files that can't be used, and why", "Rejected", {"cursor": TEXT, "limit": limit}
        ),
        "/api/images/{id}": _get("One image", "Image"),
        "/api/images/{id}/similar": _get(
            "The images most similar to one, or to a region of it",
            "Answer",
            {"box": BOX, **ranking},
        ),
        "/api/search": _post(
            "More like these, like a word or like an uploaded image", "Answer", search_body
        ),
        "/api/words": _get("Words to search for that begin so", "Words", {"q": TEXT}),
        "/api/duplicates": _get(
            "Groups of near-duplicates", "Groups", {"min_score": SCORE, "cursor": TEXT}
        ),
        "/api/duplicates/dismiss": _post(
            "Say that images are no duplicates of one another", "Dismissed", dismissal
        ),
        "/thumbs/{id}": _get("A thumbnail", "image/jpeg", {"v": TEXT}),
        "/originals/{id}": _get("The file itself", "image/*", {"download": FLAG}),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lookalike", "version": VERSION},
        "paths": {path: _with_id(path, item) for path, item in paths.items()},
        "components": {"schemas": _schemas()},
    }


def _schemas() -> dict[str, Schema]:
    image = _object(
        {
            "id": ID,
            "path": TEXT,
            "name": TEXT,
            "folder": TEXT,
            "width": COUNT,
            "height": COUNT,
            "bytes": COUNT,
            "format": TEXT,
            "taken_at": TEXT,
            "taken_from": {"type": "string", "enum": ["exif", "file"]},
            "camera": {"type": ["string", "null"]},
            "orientation": {"type": "string", "enum": list(ORIENTATIONS)},
            "offline": {"type": "boolean"},
            "thumb": TEXT,
            "original": TEXT,
        }
    )
    match = {"allOf": [_ref("Image"), _object({"score": NUMBER}, ["score"])]}
    rejected = _object({"path": TEXT, "bytes": COUNT, "reason": TEXT})
    rejections = _object(
        {
            "reason": TEXT,
            "advice": {"type": ["string", "null"]},
            "count": COUNT,
            "files": _list(TEXT),
        }
    )
    error = _object({"code": TEXT, "message": TEXT})
    return {
        "Image": image,
        "Match": match,
        "Error": _object({"error": error}),
        "Health": _object({"status": {"type": "string", "enum": ["ok"]}}),
        "Page": _page(_ref("Image")),
        "Rejected": _object(_page(rejected)["properties"] | {"groups": _list(rejections)}),
        "Answer": _object({"query": {"type": "object"}, "items": _list(_ref("Match"))}),
        "Layout": _object({"total": COUNT, "ids": IDS, "ratios": _list(COUNT), "days": _list({})}),
        "Folders": _object({"folders": _list(_object({"folder": TEXT, "images": COUNT}))}),
        "Facets": _object({"formats": _list({}), "orientations": _list({}), "from": {}, "to": {}}),
        "Words": _object({"words": _list(TEXT)}),
        "Groups": _object({"groups": _list({"type": "object"}), "pending": {"type": "boolean"}}),
        "Dismissed": _object({"dismissed": COUNT}),
        "Status": {"type": "object", "required": ["images", "rejected", "indexing", "model"]},
    }


def _object(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    """An object; all properties required unless said otherwise."""
    names = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": names}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _page(items: Schema) -> Schema:
    return _object({"items": _list(items), "next": {"type": ["string", "null"]}, "total": COUNT})


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _answers(answer: str) -> Schema:
    media = answer if "/" in answer else "application/json"
    schema = TEXT if "/" in answer else _ref(answer)
    error = {"application/json": {"schema": _ref("Error")}}
    return {
        "200": {"description": "The answer", "content": {media: {"schema": schema}}},
        "default": {"description": "Why there is none", "content": error},
    }


def _get(summary: str, answer: str, parameters: dict[str, Schema] | None = None) -> Schema:
    query = [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in (parameters or {}).items()
    ]
    return {"get": {"summary": summary, "parameters": query, "responses": _answers(answer)}}


def _post(summary: str, answer: str, body: Schema) -> Schema:
    header = {
        "name": "X-Lookalike",
        "in": "header",
        "required": True,
        "schema": {"type": "string", "enum": ["1"]},
        "description": "Browsers send it for pages of this server only",
    }
    return {
        "post": {
            "summary": summary,
            "parameters": [header],
            "requestBody": body,
            "responses": _answers(answer),
        }
    }


def _with_id(path: str, item: Schema) -> Schema:
    if "{id}" not in path:
        return item
    return item | {"parameters": [{"name": "id", "in": "path", "required": True, "schema": ID}]}
