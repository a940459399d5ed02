"""Data flows one way: each module imports only from modules to its left (docs/architecture.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "edge_app"

LAYERS: list[set[str]] = [
    {"errors"},
    {"config"},
    {"memory", "records", "refusal", "metrics", "logs"},
    # from a folder to pixels
    {"scan", "originals", "location", "exif"},
    {"decode"},
    {"decodechild", "tiles", "modelcard", "runtime"},
    {"decodeprocess", "tensors"},
    {"decodepool", "modelfile"},
    {"embed"},
    # the index
    {"appendfile", "codes", "catalog", "batch"},
    {"dismissed", "generation", "locking"},
    {"session", "snapshot", "cures"},
    {"commit", "compact", "readonly"},
    {"store"},
    {"check", "filters"},
    {"listing"},
    {"reader"},
    # questions
    {"search", "words", "duplicates", "sharedpass"},
    {"modelinfo"},
    {"review", "gallery", "info", "modelstate"},
    {"ahead"},
    {"indexer"},
    {"merge"},
    {"watch"},
    # answers
    {"params", "form", "jsonview", "openapi", "page"},
    {"sending", "traffic"},
    {"thumbs", "monitor"},
    {"web"},
    # between the network and the routes
    {"eventloop", "httprequest", "policy", "passcode", "compress", "announce"},
    {"channel"},
    {"connections"},
    {"guard"},
    # the command line
    {"board", "benchphotos", "benchvectors", "benchchild"},
    {"benchindex", "benchsearch", "benchserve"},
    {"benchreport"},
    {"bench"},
    {"commands"},
    {"cli"},
    {"__main__", "samples"},
]

RANK = {module: rank for rank, layer in enumerate(LAYERS) for module in layer}


def imported(module: Path) -> set[str]:
    """Names of the package's own modules that a source file imports, at any depth of it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "edge_app":
                names |= {alias.name for alias in node.names} & RANK.keys()
            elif node.module.startswith("edge_app."):
                names.add(node.module.removeprefix("edge_app."))
        elif isinstance(node, ast.Import):
            names |= {
                alias.name.removeprefix("edge_app.")
                for alias in node.names
                if alias.name.startswith("edge_app.")
            }
    return names


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_a_module_imports_only_from_its_left(path: Path) -> None:
    if path.stem == "__init__":
        assert imported(path) == set()
        return
    assert path.stem in RANK, f"{path.name} has no place in LAYERS"
    wrong = {name for name in imported(path) if RANK[name] >= RANK[path.stem]}
    assert not wrong, f"{path.name} imports {sorted(wrong)}, which is not to its left"


def test_the_decoding_children_never_load_numpy() -> None:
    """A child's memory is the pool's cost per worker; NumPy alone would double it."""
    for name in ("decode", "decodechild", "exif", "originals", "errors", "config"):
        source = PACKAGE / f"{name}.py"
        if source.exists():
            assert "numpy" not in source.read_text().split()
