"""The library that settings name."""

from __future__ import annotations

from edge_app.config import Config
from edge_app.library.folder import Folder
from edge_app.library.rules import Rules
from edge_app.library.source import Source


def library_of(config: Config) -> Source:
    """Where the photos are."""
    return Folder(config.gallery, rules_of(config))


def rules_of(config: Config) -> Rules:
    """What the settings leave out; UsageError for a glob that can't match anything."""
    return Rules(tuple(config.exclude), config.follow_links)
