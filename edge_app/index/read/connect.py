"""Connects to the catalogue of an index, if it is one that this program reads."""

from __future__ import annotations

from pathlib import Path

from edge_app.errors import OldIndexError, StoreError
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.readonly import open_for_reading
from edge_app.index.format.schema import SCHEMA_VERSION
from edge_app.index.format.steps import STEPS, version_message


def connected(index: Path) -> Catalog:
    """The catalogue, open for reading. OldIndexError for an earlier version, which a step brings up
    to date; StoreError for any other."""
    catalog = open_for_reading(index)
    version = catalog.schema_version()
    if version != SCHEMA_VERSION:
        catalog.close()
        kind = OldIndexError if version in STEPS else StoreError
        raise kind(version_message(index, version))
    return catalog
