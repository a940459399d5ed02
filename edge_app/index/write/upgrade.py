"""Has an index that an earlier version made be brought up to date before it is read."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from edge_app.errors import LockedError, StoreError
from edge_app.index.format.locking import errors_translated, lock
from edge_app.index.format.readonly import open_for_reading
from edge_app.index.format.schema import CATALOG, SCHEMA_VERSION
from edge_app.index.format.steps import STEPS
from edge_app.index.write.session import open_catalog


def bring_up_to_date(index: Path) -> None:
    """Nothing where the catalogue is of today's version, is missing, or can't be read at all, which
    its reader says. StoreError where it would have to be written and can't be."""
    if not os.path.exists(index / CATALOG):
        return
    try:
        with closing(open_for_reading(index)) as catalog:
            version = catalog.schema_version()
    except sqlite3.Error:
        return
    if version == SCHEMA_VERSION or version not in STEPS:
        return
    try:
        with errors_translated(index):
            lock_fd = lock(index)
            try:
                open_catalog(index).close()
            finally:
                os.close(lock_fd)
    except LockedError:
        raise
    except StoreError as error:
        raise StoreError(
            f"{index} was made by an earlier version of Lookalike and can't be updated "
            f"here ({error}); open it once where it can be written"
        ) from None
