"""Exact image-similarity search for one small device: `edge_app.Index` (docs/python.md).

Names are loaded when they are first used: importing the package loads neither NumPy nor Pillow.
"""

from __future__ import annotations  # an old Python gets as far as being told so

TYPE_CHECKING = False  # typing's own would take longer to load than all else of this package
if TYPE_CHECKING:
    from typing import Any

    from edge_app.config import Limits as Limits
    from edge_app.errors import BusyError as BusyError
    from edge_app.errors import DecodeError as DecodeError
    from edge_app.errors import DelegateError as DelegateError
    from edge_app.errors import DiskFullError as DiskFullError
    from edge_app.errors import EdgeAppError as EdgeAppError
    from edge_app.errors import LibraryError as LibraryError
    from edge_app.errors import LimitError as LimitError
    from edge_app.errors import LockedError as LockedError
    from edge_app.errors import ModelError as ModelError
    from edge_app.errors import NoIndexError as NoIndexError
    from edge_app.errors import NotFoundError as NotFoundError
    from edge_app.errors import StoreError as StoreError
    from edge_app.errors import UnreadableError as UnreadableError
    from edge_app.errors import UsageError as UsageError
    from edge_app.face import Index as Index
    from edge_app.facetypes import DuplicateGroup as DuplicateGroup
    from edge_app.facetypes import Hit as Hit
    from edge_app.index.format.records import ImageRecord as ImageRecord
    from edge_app.index.repair.report import CheckReport as CheckReport
    from edge_app.indexing.plan import IndexReport as IndexReport
    from edge_app.indexing.plan import Progress as Progress
    from edge_app.search.scale import Scale as Scale

VERSION = "1.0.0"

_HOMES = {
    "edge_app.face": ("Index",),
    "edge_app.facetypes": ("DuplicateGroup", "Hit"),
    "edge_app.index.format.records": ("ImageRecord",),
    "edge_app.index.repair.report": ("CheckReport",),
    "edge_app.indexing.plan": ("IndexReport", "Progress"),
    "edge_app.search.scale": ("Scale",),
    "edge_app.config": ("Limits",),
    "edge_app.errors": (
        "BusyError",
        "DecodeError",
        "DelegateError",
        "DiskFullError",
        "EdgeAppError",
        "LibraryError",
        "LimitError",
        "LockedError",
        "ModelError",
        "NoIndexError",
        "NotFoundError",
        "StoreError",
        "UnreadableError",
        "UsageError",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["VERSION", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'edge_app' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
