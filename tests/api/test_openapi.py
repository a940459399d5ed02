"""The served description: every route is in it, every answer has the shape that it says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge_app.api.routes import make_routes
from edge_app.api.types import requests
from edge_app.api.types.openapi import ROUTES, description
from edge_app.config import Config
from edge_app.errors import UsageError
from edge_app.indexing.watch import Watcher
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery

# The page's own files, and the description itself.
UNDESCRIBED = {"/", "/<name:re:.+>", "/api/openapi.json"}


@pytest.fixture
def routed(tmp_path: Path) -> Iterator[set[tuple[str, str]]]:
    """Method and path of every route that the server has."""
    config = Config(gallery=tmp_path, index=tmp_path / "index")
    with closing(Gallery(config)) as gallery:
        review = Review(gallery.reader)
        app = make_routes(gallery, Watcher(config, watch=False), review)
        yield {(route.method, route.rule) for route in app.routes}


def test_every_route_is_described_and_every_description_has_a_route(
    routed: set[tuple[str, str]],
) -> None:
    described = {(route.method, route.path.replace("{id}", "<id:id>")) for route in ROUTES}
    # Thumbnails are answered before the router.
    answered = {(m, rule) for m, rule in routed if not _is_page(rule)} | {
        ("GET", "/thumbs/<id:id>")
    }
    assert described == answered


def _is_page(rule: str) -> bool:
    return rule in UNDESCRIBED or not re.match(r"/(api|originals|previews|healthz|metrics)", rule)


def test_every_key_has_a_type() -> None:
    def untyped(schema: Any, place: str) -> Iterator[str]:
        if isinstance(schema, dict):
            values = schema.get("additionalProperties")  # of a map by name
            if schema.get("type") == "object" and not (schema.get("properties") or values):
                yield place
            yield from untyped(values, f"{place}.*")
            for name, part in schema.get("properties", {}).items():
                if not {"type", "$ref", "anyOf", "enum"} & part.keys():
                    yield f"{place}.{name}"
                yield from untyped(part, f"{place}.{name}")

    for name, schema in description()["components"]["schemas"].items():
        assert not list(untyped(schema, name))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"k": "many"}, "k many is not a whole number from 1 to 1000"),
        ({"k": "0"}, "k 0 is not a whole number from 1 to 1000"),
        ({"min_score": "2"}, "min_score 2 is not a number from -1 to 1"),
        ({"collapse": "perhaps"}, "collapse perhaps is not 0 or 1"),
        ({"orientation": "up"}, "orientation up is not one of landscape, portrait, square"),
        ({"box": "1,2"}, "box 1,2 is not four numbers x,y,w,h"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_would(
    values: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError) as error:
        requests.read(requests.Similar, values)
    assert str(error.value) == said


def test_what_is_missing_is_named() -> None:
    with pytest.raises(UsageError) as error:
        requests.read(requests.Dismissal, {})
    assert str(error.value) == "the request lacks ids"


@pytest.mark.parametrize("weight", ["nan", "inf", -1])
def test_a_weight_is_a_number_that_can_be_computed_with(weight: object) -> None:
    with pytest.raises(UsageError, match="is not a number from 0 to 1000"):
        requests.read(requests.Combined, {"like": [1], "weight": weight})


def test_every_route_says_what_it_refuses_and_in_what_shape() -> None:
    error = {"$ref": "#/components/schemas/Error"}
    for path, item in description()["paths"].items():
        for method in item.keys() - {"parameters"}:
            responses = item[method]["responses"]
            assert {"200", "400", "421", "503"} <= responses.keys()
            assert ("403" in responses) >= (method == "post"), path
            for status in (status for status in responses if status >= "400"):
                content = responses[status]["content"]
                assert content == {"application/json": {"schema": error}}, (path, status)


def test_an_empty_value_is_an_absent_one() -> None:
    assert requests.read(requests.Similar, {"k": "", "folder": None, "box": ""}).k == 20


PREPARED = """
import gc
from edge_app.api.types.requests import Request
from edge_app.api.types.statusshapes import Indexing
kinds = [Indexing, Request]
for kind in kinds:
    kinds += kind.__subclasses__()
    print(kind.__name__, *{type(held).__name__ for held in gc.get_referents(kind)})
"""


def test_no_request_finds_a_type_that_another_one_is_just_learning() -> None:
    """msgspec ends the process there; so each type is known before the first request."""
    told = subprocess.run([sys.executable, "-c", PREPARED], capture_output=True, text=True)
    lines = told.stdout.splitlines()
    assert len(lines) > 10, told.stderr
    assert [line.split()[0] for line in lines if "StructInfo" not in line] == []
